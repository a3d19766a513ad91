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

/// Adds what each rank has, with fewer bits between hosts where it is float32.
///
/// Operands are the rank's part and what rounding has taken from it before, results the sum or a part of it, and what
/// rounding has taken now. Within a host, and where ranks are threads of one process, nothing is rounded and nothing
/// lost.
package protocol CompressedSum: Collective {
  /// How numbers travel.
  var compression: Compression { get }
}

extension CompressedSum {
  /// How many bytes of a type travel between hosts.
  package func byteCount(of type: Type) -> Int {
    type.element == .float32 ? compression.byteCount(of: type.elementCount) : type.byteCount
  }
}

/// Adds what each rank has, with fewer bits between hosts; every rank gets the whole sum.
package struct CompressedAllReduce: CompressedSum {
  package var compression: Compression
  package var axes: [MeshAxis]
  package var name: String { "compressedAllReduce" }
  package var overwritableOperands: [Int: [Int]] { [0: [0], 1: [1]] }

  package init(_ compression: Compression, axes: [MeshAxis]) {
    (self.compression, self.axes) = (compression, axes)
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expectResidual(operands)
    return operands
  }
}

/// Adds what each rank has, with fewer bits between hosts; every rank gets its block of the sum along a dimension.
package struct CompressedReduceScatter: CompressedSum {
  package var compression: Compression
  package var axes: [MeshAxis]
  /// The dimension that is cut.
  package var dimension: Int
  /// The number of ranks, and so of blocks.
  package var count: Int
  package var name: String { "compressedReduceScatter" }
  package var overwritableOperands: [Int: [Int]] { [1: [1]] }

  package init(_ compression: Compression, axes: [MeshAxis], dimension: Int, count: Int) {
    self.compression = compression
    self.axes = axes
    self.dimension = dimension
    self.count = count
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expectResidual(operands)
    let exact = ReduceScatter(.sum, axes: axes, dimension: dimension, count: count)
    return try exact.resultTypes(of: [operands[0]]) + [operands[1]]
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
