import DeepEPCommunication
import DeepEPCompute
import DeepEPEvents
import DeepEPPlans
import DeepEPTensors

/// An instruction with its kernel and the addresses of its buffers.
final class BoundInstruction {
  private let kernel: any Kernel
  private let buffers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let isBeside: Bool
  /// What its events are about.
  let subject: EventSubject
  /// The instructions that must be over before this one begins.
  let waits: [Int]

  init(
    _ instruction: Instruction, _ kernel: any Kernel, _ pointers: [UnsafeMutableRawPointer]
  ) {
    self.kernel = kernel
    buffers = .allocate(capacity: pointers.count)
    for (index, pointer) in pointers.enumerated() { (buffers + index).initialize(to: pointer) }
    (isBeside, waits) = (instruction.isBeside, instruction.waits)
    subject = EventSubject(
      name: instruction.kernel,
      path: "\(instruction.origin.path) \(instruction.origin.phase.rawValue)",
      queue: instruction.operation is any Collective ? .communication : .compute,
      work: instruction.work, flops: instruction.flops, bytes: instruction.byteCount)
  }

  deinit { buffers.deallocate() }

  /// Runs, or starts what goes on beside those that follow.
  func run() throws -> CommunicationHandle? {
    if isBeside, let collective = kernel as? RankKernel,
      let handle = try collective.start(buffers)
    {
      return handle
    }
    try kernel.run(buffers)
    return nil
  }
}
