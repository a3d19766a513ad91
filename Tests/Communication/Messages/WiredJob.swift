import DeepEPCommunication

/// Jobs of threads that pretend to be on several hosts and send one another messages.
struct WiredJob: Sendable {
  let hosts: [Int]
  var options = MessageOptions()
  var usesSockets = false
  /// Where the sockets are; this host's loopback otherwise.
  var laboratory: LinkLaboratory?

  init(hosts: [Int], _ algorithm: AllReduceAlgorithm, usesSockets: Bool = false) {
    self.hosts = hosts
    options.algorithms = AlgorithmTable(algorithm)
    self.usesSockets = usesSockets
  }

  var rankCount: Int { hosts.reduce(0, +) }

  /// Runs the ranks, each on a thread of its own, and returns what each of them returned.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    let addresses = laboratory == nil ? [] : hosts.indices.map(LinkLaboratory.address)
    let controls = LocalJobControl.job(hosts: hosts, addresses: addresses)
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
    control.membership.hosts.firstIndex { $0.contains(control.membership.rank) } ?? 0
  }

  private func communicator(
    _ control: LocalJobControl, _ wire: LocalWire, _ groups: [LocalGroup]
  ) throws -> any Communicator {
    if usesSockets { return try TCP.communicator(control, options: options) }
    return try wire.communicator(control, options: options) {
      let number = host(of: control)
      let ranks = control.membership.hosts[number]
      let place = ranks.firstIndex(of: control.membership.rank) ?? 0
      return groups[number].communicators[place]
    }
  }
}
