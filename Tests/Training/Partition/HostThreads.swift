import DeepEPCommunication

/// Ranks that are threads and pretend to be on hosts, which send one another messages.
enum HostThreads {
  /// Runs a body on each rank and returns what each of them returned.
  ///
  /// - Parameter hosts: how many ranks each host has; one host shares its memory.
  static func run<Result: Sendable>(
    _ hosts: [Int], _ body: @escaping @Sendable (any Communicator) throws -> Result
  ) throws -> [Result] {
    guard hosts.count > 1 else { return try LocalGroup.run(rankCount: hosts[0], body) }
    let controls = LocalJobControl.job(hosts: hosts)
    let groups = try hosts.map { try LocalGroup(rankCount: $0) }
    let wire = LocalWire()
    return try LocalGroup.run(rankCount: controls.count) { thread in
      let control = controls[thread.rank]
      let ranks = control.membership.localRanks
      let group = groups[control.membership.hosts.firstIndex(of: ranks) ?? 0]
      do {
        let world = try wire.communicator(control) {
          group.communicators[ranks.firstIndex(of: control.rank) ?? 0]
        }
        let result = try body(world)
        control.leave()
        return result
      } catch {
        control.fail(CommunicationError("\(error)", at: "rank \(thread.rank)", fix: ""))
        throw error
      }
    }
  }
}
