import DeepEPCommunication
import Glibc

/// Hosts that this process pretends to be: network namespaces, joined by links with a rate and a delay.
///
/// A thread that enters a host makes its sockets there. The links are a switch in this process, since not every
/// kernel can delay packets. Namespaces go away with the laboratory.
package final class LinkLaboratory: Sendable {
  /// Why there can be no laboratory here.
  package struct Refusal: Error, CustomStringConvertible {
    package let description: String
  }

  private let hosts: [LaboratoryHost]
  private let link: LaboratorySwitch

  /// Makes hosts and their links.
  ///
  /// - Parameters:
  ///   - megabitsPerSecond: what each host can send.
  ///   - delaySeconds: how long each packet takes.
  /// - Throws: ``Refusal`` where namespaces or tunnels are forbidden.
  package init(hostCount: Int, megabitsPerSecond: Double, delaySeconds: Double) throws {
    // A thread of its own each, since making a namespace moves the thread into it.
    hosts = try (0..<hostCount).map { number in
      try LocalGroup.run(rankCount: 1) { _ in try LaboratoryHost(number) }[0]
    }
    link = LaboratorySwitch(
      hosts.map(\.tunnel), bytesPerSecond: megabitsPerSecond * 125_000, delaySeconds: delaySeconds)
    link.start()
  }

  deinit { link.stop() }

  /// Why there can be no laboratory here; nil if there can be one.
  package static var refusal: String? {
    do {
      _ = try LinkLaboratory(hostCount: 1, megabitsPerSecond: 1, delaySeconds: 0)
      return nil
    } catch { return "\(error)" }
  }

  /// The address of a host.
  package static func address(_ host: Int) -> String { "10.77.0.\(host + 1)" }

  /// Moves the calling thread to a host, for good.
  package func enter(_ host: Int) throws { try hosts[host].enter() }

  /// Lets the sockets that a host makes from now on keep no more than some bytes for either direction.
  package func limitSockets(ofHost host: Int, byteCount: Int) throws {
    let hosts = hosts
    _ = try LocalGroup.run(rankCount: 1) { _ in
      try hosts[host].enter()
      for name in ["tcp_rmem", "tcp_wmem"] {
        try LaboratoryHost.set(name, "\(byteCount) \(byteCount) \(byteCount)")
      }
    }
  }

  /// The namespace of a host as a file, which other programs enter while this process lives: nsenter(1).
  package func networkPath(_ host: Int) -> String { hosts[host].path }

  /// How many bytes each host has sent, the headers of the internet protocol included.
  package var sentBytes: [Int] { link.sentBytes }

  /// Cuts or mends the link of a host.
  package func setConnected(_ host: Int, _ isConnected: Bool) {
    link.setConnected(host, isConnected)
  }
}
