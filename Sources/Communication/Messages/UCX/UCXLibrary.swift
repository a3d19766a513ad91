import DeepEPSystemUCX
import Glibc

/// UCX as it was found on this host, opened when a job asks for it.
// The C library's functions are constants here, and may be called by all threads.
final class UCXLibrary: @unchecked Sendable {
  /// The variable that names another `libucp` than the system's.
  static var variable: String { "DEEPEP_UCX" }

  let handle: OpaquePointer
  let version: UCXVersion

  /// Opens the library.
  ///
  /// - Parameter name: a path or a name that the system finds; nil: what ``variable`` says, or Debian's.
  /// - Throws: ``CommunicationError`` if there is none, or one of a version that is not known.
  init(name: String? = nil) throws {
    let name = name ?? getenv(Self.variable).map { String(cString: $0) }
    var message = CMessage()
    guard let handle = message.fill({ deepep_ucx_open(name, $0, $1) }) else {
      throw Self.error("UCX cannot be opened: \(message.text)")
    }
    self.handle = handle
    version = UCXVersion(deepep_ucx_get_version(handle))
    guard version >= .oldest else {
      throw Self.error("UCX \(version) is too old: \(UCXVersion.oldest) is the oldest one known")
    }
    guard version < .nextMajor else {
      throw Self.error("UCX \(version) is too new: its functions may be others than those of 1.x")
    }
  }

  deinit { deepep_ucx_free(handle) }

  /// UCX's words for a status.
  func reason(_ status: Int32) -> String { String(cString: deepep_ucx_reason(handle, status)) }

  private static func error(_ what: String) -> CommunicationError {
    CommunicationError(
      what, at: "communication 'ucx'",
      fix: "install a UCX from \(UCXVersion.oldest) on, before \(UCXVersion.nextMajor) (Debian: "
        + "apt-get install libucx0), or name its libucp.so by \(variable)")
  }
}

/// The version of a UCX, as it says itself.
struct UCXVersion: Hashable, Comparable, CustomStringConvertible, Sendable {
  /// The oldest one that does what the transport needs.
  static let oldest = UCXVersion(major: 1, minor: 13)
  /// The first one that may have other functions.
  static let nextMajor = UCXVersion(major: 2, minor: 0)

  var major: Int
  var minor: Int

  init(major: Int, minor: Int) { (self.major, self.minor) = (major, minor) }

  init(_ version: deepep_ucx_version) {
    self.init(major: Int(version.major), minor: Int(version.minor))
  }

  var description: String { "\(major).\(minor)" }

  static func < (left: UCXVersion, right: UCXVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }
}
