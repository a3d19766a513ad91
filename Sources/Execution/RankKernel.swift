import DeepEPCommunication
import DeepEPCompute
import DeepEPElements
import DeepEPPlans
import DeepEPTensors

/// An instruction that the ranks run together, or that tells where the rank is.
struct RankKernel: Kernel {
  private let ranks: RankCommunicators
  private let operation: any Operation
  private let operand: Type?
  private let result: Type

  /// - Throws: ``ExecutionError`` if the plan is that of a rank, but there are no ranks.
  init(_ instruction: Instruction, _ ranks: RankCommunicators?) throws {
    guard let ranks else {
      throw ExecutionError(
        what: "the plan is that of one rank of several", place: instruction.kernel,
        fix: "give the executor the communicator of its rank")
    }
    self.ranks = ranks
    operation = instruction.operation
    operand = instruction.operandTypes.first
    result = instruction.resultTypes[0]
  }

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) throws {
    if let place = operation as? MeshIndex {
      buffers[0]?.storeBytes(of: Int32(ranks.index(along: place.axis)), as: Int32.self)
    }
    guard let call = call(buffers) else { return }
    try ranks.run(
      call.collective, call.source, into: call.destination, operand: call.operand,
      residual: call.residual)
  }

  /// Starts a collective that goes on beside the caller; nil if this cannot be, and nothing was done.
  func start(
    _ buffers: UnsafePointer<UnsafeMutableRawPointer?>
  ) throws -> CommunicationHandle? {
    guard let call = call(buffers) else { return nil }
    return try ranks.start(
      call.collective, call.source, into: call.destination, operand: call.operand,
      residual: call.residual)
  }

  private typealias Call = (
    collective: any Collective, source: UnsafeRawBufferPointer,
    destination: UnsafeMutableRawBufferPointer, operand: Type,
    residual: UnsafeMutableRawBufferPointer?
  )

  private func call(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) -> Call? {
    // Operands come before results.
    let isCompressed = operation is any CompressedSum
    guard let collective = operation as? any Collective, let operand, let source = buffers[0],
      let destination = buffers[isCompressed ? 2 : 1]
    else { return nil }
    return (
      collective, UnsafeRawBufferPointer(start: source, count: operand.byteCount),
      UnsafeMutableRawBufferPointer(start: destination, count: result.byteCount), operand,
      isCompressed ? residual(from: buffers[1], in: buffers[3], operand.byteCount) : nil
    )
  }

  /// What was lost, where it becomes what is lost.
  private func residual(
    from old: UnsafeMutableRawPointer?, in new: UnsafeMutableRawPointer?, _ byteCount: Int
  ) -> UnsafeMutableRawBufferPointer? {
    guard let old, let new else { return nil }
    if old != new { new.copyMemory(from: old, byteCount: byteCount) }
    return UnsafeMutableRawBufferPointer(start: new, count: byteCount)
  }
}

extension Instruction {
  /// Whether the instruction does not run on the device alone.
  var needsRanks: Bool { operation is any Collective || operation is MeshIndex }
}
