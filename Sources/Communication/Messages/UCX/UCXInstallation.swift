/// The UCX that a job on this host takes, and what it sees, for people.
package struct UCXInstallation: Hashable, Sendable {
  /// "1.13".
  package let version: String
  /// Transports with their devices, as UCX names them: "tcp/eth0", "rc_mlx5/mlx5_0:1".
  package let devices: [String]
  /// The first one by which other hosts are reached other than by sockets; nil if there is none.
  package let fabric: String?

  /// Looks around on this host, as UCX's own variables allow.
  ///
  /// - Throws: ``CommunicationError`` if there is no UCX, it is of a version that is not known, or it sees nothing.
  package init() throws {
    let context = try UCXContext(UCXLibrary())
    version = context.library.version.description
    (devices, fabric) = (context.devices, context.fabric)
  }
}
