import DeepEPTensors

/// A region as text for LLVM; its name is a digest of the text, so equal kernels have equal names.
package struct KernelSource: Hashable, Sendable {
  /// The exported function's name.
  package let name: String
  /// The module.
  package let text: String

  /// Writes a region as text.
  ///
  /// - Parameter sharedBuffers: results that overwrite an operand: result index to operand index.
  /// - Parameter vectorBits: the width of vectors that the loops should use.
  /// - Parameter hasPairedProducts: whether there are instructions for products of pairs of bfloat16.
  package init(
    _ region: Region, operandTypes: [Type], sharedBuffers: [Int: Int] = [:], vectorBits: Int,
    hasPairedProducts: Bool = false
  ) throws {
    var emitter = RegionEmitter(
      region, operandTypes: operandTypes, sharedBuffers: sharedBuffers, vectorBits: vectorBits,
      hasPairedProducts: hasPairedProducts)
    self.init(text: try emitter.module())
  }

  /// A module whose exported function is called `@kernel`.
  init(text: String) {
    let name = "kernel_" + ContentDigest(text).hexadecimal
    self.name = name
    self.text = text.replacingFirst("@kernel(", with: "@\(name)(")
  }

  /// The name says it all, and is short.
  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension String {
  fileprivate func replacingFirst(_ pattern: String, with replacement: String) -> String {
    guard let range = firstRange(of: pattern) else { return self }
    return String(self[..<range.lowerBound]) + replacement + String(self[range.upperBound...])
  }
}
