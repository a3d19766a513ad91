/// What is launched, and where.
package struct LaunchOptions: Sendable {
  /// How many ranks.
  package var rankCount = 1
  /// On which hosts; none is this one.
  package var hosts: [LaunchHost] = []
  /// What reaches another host: "ssh" is started as ssh HOST 'COMMAND'.
  package var agent = ["ssh", "-o", "BatchMode=yes"]
  /// The address of this host at which other hosts reach it.
  package var address: String?
  /// The port of the job's control; 0 is any free one.
  package var port: UInt16 = 0
  /// How often the job is started again after it has lost ranks.
  package var restartCount = 0
  /// Whether it says at the end which ranks were waited for.
  package var reportsStragglers = false
  /// What every rank runs.
  package var command: [String] = []

  /// One rank of nothing.
  package init() {}

  /// The address to listen at: loopback unless told otherwise.
  ///
  /// - Throws: ``CommunicationError`` if ranks of other hosts could not reach it.
  func listenAddress() throws -> String {
    if let address { return address }
    guard hosts.allSatisfy(\.isThisOne) else {
      throw CommunicationError(
        "ranks of other hosts do not reach loopback", at: "launch on \(hosts.count) hosts",
        fix: "say by --address which address of this host they reach")
    }
    return "127.0.0.1"
  }
}
