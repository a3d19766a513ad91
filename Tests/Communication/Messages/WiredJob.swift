import DeepEPCommunication
import DeepEPCommunicationLinks

/// Jobs of threads that pretend to be on several hosts and send one another messages.
struct WiredJob: Sendable {
  /// What carries the messages.
  enum Wire: CaseIterable {
    /// Memory of the process.
    case memory
    case tcp, ucx
  }

  private var job: ThreadJob
  var options = MessageOptions()
  private let wire: Wire

  init(hosts: [Int], _ algorithm: CollectiveAlgorithm, over wire: Wire = .memory) {
    let places = hosts.enumerated().flatMap { Array(repeating: $0, count: $1) }
    self.init(places: places, algorithm, over: wire)
  }

  /// Ranks that are not in the order of their hosts.
  init(places: [Int], _ algorithm: CollectiveAlgorithm, over wire: Wire = .memory) {
    job = ThreadJob(places: places)
    options.algorithms = AlgorithmTable(algorithm)
    self.wire = wire
  }

  /// Where the sockets are; this host's loopback otherwise.
  var laboratory: LinkLaboratory? {
    get { job.laboratory }
    set { job.laboratory = newValue }
  }

  /// Runs the ranks, each on a thread of its own, and returns what each of them returned.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    try job.run(
      { [options, wire] control, shared in
        switch wire {
        case .memory:
          try shared.wire.communicator(control, options: options) { shared.local(control) }
        case .tcp: try TCP.communicator(control, options: options)
        case .ucx: try UCX.communicator(control, options: options)
        }
      }, body)
  }
}
