import DeepEPCommunication
import DeepEPCompute
import DeepEPEvents
import DeepEPPlans
import DeepEPTensors

/// An instruction with its kernel and the addresses of its buffers.
final class BoundInstruction {
  private let kernel: any Kernel
  private let buffers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let name: String
  private let path: String
  private let flops: Double
  private let byteCount: Int
  private let queue: EventQueue
  private let work: EventWork
  private let isBeside: Bool
  /// The instructions that must be over before this one begins.
  let waits: [Int]

  init(
    _ instruction: Instruction, _ kernel: any Kernel, _ pointers: [UnsafeMutableRawPointer]
  ) {
    self.kernel = kernel
    buffers = .allocate(capacity: pointers.count)
    for (index, pointer) in pointers.enumerated() { (buffers + index).initialize(to: pointer) }
    name = instruction.kernel
    path = "\(instruction.origin.path) \(instruction.origin.phase.rawValue)"
    flops = instruction.flops
    byteCount = instruction.byteCount
    (isBeside, waits) = (instruction.isBeside, instruction.waits)
    queue = instruction.operation is any Collective ? .communication : .compute
    work = instruction.work
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

  /// The event of a run that began at a time and has just ended.
  func event(startSeconds: Double) -> Event {
    Event(
      name: name, path: path, queue: queue, work: work, startSeconds: startSeconds,
      durationSeconds: Clock.seconds - startSeconds, flops: flops, bytes: byteCount)
  }
}
