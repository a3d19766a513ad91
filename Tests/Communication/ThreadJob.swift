import DeepEPCommunication
import DeepEPCommunicationLinks

/// A job whose ranks are threads, which pretend to be on one host or on several.
struct ThreadJob: Sendable {
  /// The host of each rank, by its number.
  let places: [Int]
  /// Where the sockets are; this host's loopback otherwise.
  var laboratory: LinkLaboratory?

  init(places: [Int]) { self.places = places }

  /// How many ranks each host has.
  var hosts: [Int] {
    (0...(places.max() ?? 0)).map { host in places.filter { $0 == host }.count }
  }

  /// The ranks of each host.
  var ranks: [[Int]] {
    hosts.indices.map { host in places.indices.filter { places[$0] == host } }
  }

  /// What the threads have in common.
  struct Shared: Sendable {
    let wire = LocalWire()
    fileprivate let groups: [LocalGroup]
    fileprivate let ranks: [[Int]]

    /// The communicator of a rank with those of its host.
    func local(_ control: any JobControl) -> any Communicator {
      let host = ranks.firstIndex { $0.contains(control.rank) } ?? 0
      return groups[host].communicators[ranks[host].firstIndex(of: control.rank) ?? 0]
    }
  }

  /// Runs the ranks of a new job, each on a thread of its own, and returns what each of them returned.
  ///
  /// - Parameter communicator: makes that of a rank, on its thread.
  func run<Result: Sendable>(
    _ communicator: @escaping @Sendable (any JobControl, Shared) throws -> any Communicator,
    _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let addresses = laboratory == nil ? [] : hosts.indices.map(LinkLaboratory.address)
    let controls = LocalJobControl.job(places: places, addresses: addresses)
    let groups = try hosts.map { try LocalGroup(rankCount: $0) }
    let shared = Shared(groups: groups, ranks: ranks)
    // Whoever waits for ranks of its host hears why those do not come.
    controls[0].onFailure { [weak control = controls[0]] in
      let reason = control?.failure.map { "\($0)" } ?? ""
      for group in groups { group.communicators[0].fail(reason) }
    }
    return try LocalGroup.run(rankCount: places.count) { thread in
      let control = controls[thread.rank]
      do {
        try laboratory?.enter(places[thread.rank])
        let result = try body(communicator(control, shared))
        control.leave()
        return result
      } catch {
        control.fail(CommunicationError("\(error)", at: "rank \(thread.rank)", fix: ""))
        throw error
      }
    }
  }
}
