import DeepEPElements

/// How gradients travel between hosts.
public enum Compression: String, Hashable, Codable, Sendable, CaseIterable {
  /// As they are.
  case none
  /// Rounded to bfloat16: 2 bytes an element.
  case bfloat16 = "bf16"
  /// Blocks of 256 numbers in 8 bits with a scale: about 1 byte an element.
  case int8

  /// How many bytes float32 elements take between hosts.
  package func byteCount(of elementCount: Int) -> Int {
    switch self {
    case .none: 4 * elementCount
    case .bfloat16: 2 * elementCount
    case .int8: elementCount + 4 * ((elementCount + 255) / 256)
    }
  }
}

/// The whole gradient by a parameter, which loses bits where hosts exchange it; what it loses is a second
/// value that comes back the next time (Seide et al.: 1-Bit Stochastic Gradient Descent, 2014).
///
/// Operands and results are a gradient and what was lost before. On one device nothing is lost. The
/// `partition` transform turns it into a ``CompressedAllReduce``.
package struct CompressedGradient: Operation {
  /// The meaning of the parameter's dimensions.
  package var axes: [DimensionAxes]
  package var compression: Compression
  package var name: String { "compressedGradient" }
  package var seesMemory: Bool { true }

  package init(_ axes: [DimensionAxes], _ compression: Compression) {
    (self.axes, self.compression) = (axes, compression)
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expectResidual(operands)
    _ = try Named(axes, role: .gradient).resultTypes(of: [operands[0]])
    return operands
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .alone(operands: operands, results: results)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] { operands }
}

/// Adds what each rank has, with fewer bits between hosts where it is float32; every rank gets the whole sum.
///
/// Operands and results are the rank's part and what rounding has taken from it before. Within a host, and where
/// ranks are threads of one process, nothing is rounded and nothing lost.
package struct CompressedAllReduce: Collective {
  package var compression: Compression
  package var axes: [MeshAxis]
  package var name: String { "compressedAllReduce" }
  package var overwritableOperands: [Int: [Int]] { [0: [0], 1: [1]] }

  package init(_ compression: Compression, axes: [MeshAxis]) {
    (self.compression, self.axes) = (compression, axes)
  }

  /// How many bytes of a type travel between hosts.
  package func byteCount(of type: Type) -> Int {
    type.element == .float32 ? compression.byteCount(of: type.elementCount) : type.byteCount
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expectResidual(operands)
    return operands
  }
}

extension Operation {
  /// Throws unless there are a gradient and a residual of its shape.
  fileprivate func expectResidual(_ operands: [Type]) throws {
    try expect(operands, count: 2)
    guard operands[0] == operands[1], operands[0].element.isFloatingPoint else {
      throw ShapeError(name, "\(operands[1]) is no residual of \(operands[0])")
    }
  }
}
