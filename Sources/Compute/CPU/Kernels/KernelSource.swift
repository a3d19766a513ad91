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
  package init(
    _ region: Region, operandTypes: [Type], sharedBuffers: [Int: Int] = [:], vectorBits: Int
  ) throws {
    var emitter = RegionEmitter(
      region, operandTypes: operandTypes, sharedBuffers: sharedBuffers, vectorBits: vectorBits)
    self.init(text: try emitter.module())
  }

  /// A module whose exported function is called `@kernel`.
  init(text: String) {
    let name = "kernel_" + ContentDigest(text).hexadecimal
    self.name = name
    self.text = text.replacingFirst("@kernel(", with: "@\(name)(")
  }
}

/// A digest of 128 bits: two FNV-1a hashes with different starts.
///
/// Not meant against forgery.
struct ContentDigest {
  private var words: (UInt64, UInt64) = (0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15)

  init(_ text: String) {
    for byte in text.utf8 {
      words.0 = (words.0 ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      words.1 = (words.1 ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
      words.1 ^= words.1 >> 29
    }
  }

  var hexadecimal: String {
    IRLiteral.hexadecimal(words.0) + IRLiteral.hexadecimal(words.1)
  }
}

extension String {
  fileprivate func replacingFirst(_ pattern: String, with replacement: String) -> String {
    guard let range = firstRange(of: pattern) else { return self }
    return String(self[..<range.lowerBound]) + replacement + String(self[range.upperBound...])
  }
}
