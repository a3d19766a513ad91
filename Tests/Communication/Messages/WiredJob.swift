import DeepEPCommunication
import DeepEPCommunicationLinks

/// Jobs of threads that pretend to be on several hosts and send one another messages.
struct WiredJob: Sendable {
  /// How many ranks each host has.
  let hosts: [Int]
  /// The host of each rank, by its number.
  private let places: [Int]
  var options = MessageOptions()
  var usesSockets = false
  /// Where the sockets are; this host's loopback otherwise.
  var laboratory: LinkLaboratory?

  init(hosts: [Int], _ algorithm: CollectiveAlgorithm, usesSockets: Bool = false) {
    let places = hosts.enumerated().flatMap { Array(repeating: $0, count: $1) }
    self.init(places: places, algorithm, usesSockets: usesSockets)
  }

  /// Ranks that are not in the order of their hosts.
  init(places: [Int], _ algorithm: CollectiveAlgorithm, usesSockets: Bool = false) {
    self.places = places
    hosts = (0...(places.max() ?? 0)).map { host in places.filter { $0 == host }.count }
    options.algorithms = AlgorithmTable(algorithm)
    self.usesSockets = usesSockets
  }

  var rankCount: Int { places.count }

  /// The ranks of each host.
  var ranks: [[Int]] {
    hosts.indices.map { host in places.indices.filter { places[$0] == host } }
  }

  /// Runs the ranks, each on a thread of its own, and returns what each of them returned.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let addresses = laboratory == nil ? [] : hosts.indices.map(LinkLaboratory.address)
    let controls = LocalJobControl.job(places: places, addresses: addresses)
    let wire = LocalWire()
    let groups = try hosts.map { try LocalGroup(rankCount: $0) }
    return try LocalGroup.run(rankCount: rankCount) { thread in
      let control = controls[thread.rank]
      do {
        try laboratory?.enter(host(of: control))
        let result = try body(communicator(control, wire, groups))
        control.leave()
        return result
      } catch {
        let failure = control.fail(CommunicationError("\(error)", at: "test", fix: ""))
        for group in groups { group.communicators[0].fail("\(failure)") }
        throw error
      }
    }
  }

  private func host(of control: LocalJobControl) -> Int {
    places[control.membership.rank]
  }

  private func communicator(
    _ control: LocalJobControl, _ wire: LocalWire, _ groups: [LocalGroup]
  ) throws -> any Communicator {
    if usesSockets { return try TCP.communicator(control, options: options) }
    return try wire.communicator(control, options: options) {
      let number = host(of: control)
      let place = ranks[number].firstIndex(of: control.membership.rank) ?? 0
      return groups[number].communicators[place]
    }
  }
}
