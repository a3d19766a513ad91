import DeepEPCommunication
import DeepEPCommunicationLinks

/// Jobs of threads that pretend to be on several hosts and send one another messages.
struct WiredJob: Sendable {
  private var job: ThreadJob
  var options = MessageOptions()
  var usesSockets = false

  init(hosts: [Int], _ algorithm: CollectiveAlgorithm, usesSockets: Bool = false) {
    let places = hosts.enumerated().flatMap { Array(repeating: $0, count: $1) }
    self.init(places: places, algorithm, usesSockets: usesSockets)
  }

  /// Ranks that are not in the order of their hosts.
  init(places: [Int], _ algorithm: CollectiveAlgorithm, usesSockets: Bool = false) {
    job = ThreadJob(places: places)
    options.algorithms = AlgorithmTable(algorithm)
    self.usesSockets = usesSockets
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
      { [options, usesSockets] control, shared in
        if usesSockets { return try TCP.communicator(control, options: options) }
        return try shared.wire.communicator(control, options: options) { shared.local(control) }
      }, body)
  }
}
