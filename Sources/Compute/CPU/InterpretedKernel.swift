import DeepEPTensors

/// An operation run by the interpreter's rule: slow, on one thread, and always right.
///
/// It serves operations that no faster kernel has been written for.
struct InterpretedKernel: Kernel {
  private let request: KernelRequest

  init(_ request: KernelRequest) { self.request = request }

  /// Whether an operation runs this way: it has a rule, and neither a faster kernel nor a place in a
  /// region.
  static func runs(_ operation: any Operation) -> Bool {
    switch operation {
    case is Input, is Read, is any Composite: false
    case is Region, is Contraction, is Dot: false
    case is Constant, is Iota, is Random, is Gather, is ScatterAdd: false
    case is Unary, is Binary, is Compare, is Select, is Convert, is Reduce: false
    case is Reshape, is Transpose, is Broadcast, is Slice, is Pad, is Concatenate: false
    default: true
    }
  }

  /// For each result the operands whose memory it may take: all are read before any is written.
  static func overwritableOperands(_ operands: [Type], _ results: [Type]) -> [Int: [Int]] {
    var overwritable: [Int: [Int]] = [:]
    for (result, type) in results.enumerated() {
      overwritable[result] = operands.indices.filter {
        operands[$0].byteCount == type.byteCount && operands[$0].space == type.space
      }
    }
    return overwritable
  }

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) throws {
    let operands = request.operandTypes.enumerated().map { index, type in
      HostArray(
        type.element, type.shape,
        bytes: UnsafeRawBufferPointer(start: buffers[index], count: type.byteCount))
    }
    let results = try request.operation.evaluate(operands, types: request.resultTypes)
    for (index, result) in results.enumerated() {
      result.bytes.withUnsafeBytes { source in
        guard let start = source.baseAddress else { return }
        buffers[operands.count + index]?.copyMemory(from: start, byteCount: source.count)
      }
    }
  }
}
