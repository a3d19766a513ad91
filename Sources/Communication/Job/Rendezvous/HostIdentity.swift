import FoundationEssentials
import Glibc

/// Which host this process runs on.
struct HostIdentity: Hashable, Sendable {
  /// For people.
  var name: String
  /// Equal for processes that share memory and loopback.
  var identifier: String

  /// The identity of this process's host.
  ///
  /// Whoever starts ranks may say that places are different hosts
  /// though they are one machine, as tests do.
  static var current: HostIdentity {
    let told = variable("DEEPEP_HOST") ?? variable("SLURMD_NODENAME")
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    // Loopback and the address of a namespace of networks are its own.
    let network = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
    let parts = [boot.map { String($0.prefix(36)) }, network, told].compactMap { $0 }
    return HostIdentity(name: told ?? hostName, identifier: parts.joined(separator: "/"))
  }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  private static var hostName: String {
    var bytes = [CChar](repeating: 0, count: 256)
    gethostname(&bytes, bytes.count - 1)
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
