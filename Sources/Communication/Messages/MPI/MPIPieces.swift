import FoundationEssentials

/// What the messages of a group are cut into for MPI.
///
/// MPI asks the other side before it sends what is large, which on a link costs round trips and spares no copy where
/// there are only sockets. What is small it sends at once. Devices of fabrics move large messages from memory to memory.
struct MPIPieces: Hashable {
  /// What MPIs send without asking first over sockets, with its own header: Open MPI up to 64 KiB, MPICH more.
  private static var smallBytes: Int { 32 << 10 }
  /// Longer messages wait until they are asked for: they would fill the memory of a rank that has not come so far.
  private static var longestCutBytes: Int { 4 << 20 }
  /// MPI counts in int.
  private static var largestBytes: Int { 1 << 30 }

  /// Whether messages go between hosts, through sockets.
  let areSmall: Bool

  /// - Parameter hasFabric: whether any host of the group has devices other than those of sockets.
  init(_ membership: Membership, _ members: [Int], hasFabric: Bool) {
    let isOneHost = membership.hosts.contains { Set(members).isSubset(of: $0) }
    areSmall = !hasFabric && !isOneHost
  }

  /// The bytes of a piece of a message: the same for its sender and its receiver.
  func byteCount(_ messageBytes: Int) -> Int32 {
    Int32(areSmall && messageBytes <= Self.longestCutBytes ? Self.smallBytes : Self.largestBytes)
  }

  /// Whether this host has cards of InfiniBand, RoCE, Omni-Path, EFA (all of Linux's class "infiniband") or Slingshot.
  static var hostHasFabric: Bool {
    ["/sys/class/infiniband", "/sys/class/cxi"].contains { folder in
      (try? FileManager.default.contentsOfDirectory(atPath: folder))?.isEmpty == false
    }
  }
}
