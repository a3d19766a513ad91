import FoundationEssentials

/// Which transport a job takes that was told none, and why.
package struct TransportChoice: Hashable, CustomStringConvertible, Sendable {
  /// What it takes.
  package let transport: CommunicationTransport
  private let reason: String

  package var description: String { "ranks communicate by \(transport.rawValue): \(reason)" }

  private init(_ transport: CommunicationTransport, _ reason: String) {
    (self.transport, self.reason) = (transport, reason)
  }

  /// Chooses for a job; collective over all its ranks, unless they are on one host.
  ///
  /// - Throws: the job's failure.
  package init(_ control: any JobControl) throws {
    guard control.membership.hosts.count > 1 else {
      self.init(.sharedMemory, control.rankCount == 1 ? "there is one" : "all are on one host")
      return
    }
    let all = try control.exchange(TransportSight().bytes, as: "transports")
    self.init(all.map(TransportSight.init))
  }

  /// Chooses for ranks on several hosts, by what each of them sees.
  package init(_ sights: [TransportSight]) {
    let withoutFabric = sights.indices.filter { sights[$0].fabric == nil }
    let withUCX = sights.indices.filter { sights[$0].hasUCX }
    if withoutFabric.isEmpty {
      self.init(.ucx, "UCX sees \(sights.first?.fabric ?? "a fabric")")
    } else if withoutFabric.count < sights.count {
      self.init(.tcp, "UCX sees a fabric, but not on \(withoutFabric.namedRanks)")
    } else if withUCX.isEmpty, let mpi = sights.first?.mpi, sights.allSatisfy({ $0.mpi == mpi }) {
      self.init(.mpi, "there is no UCX, and their launcher has \(mpi)")
    } else {
      self.init(.tcp, withUCX.isEmpty ? "there is no UCX" : "UCX sees no fabric but TCP")
    }
  }
}

/// What a rank has to reach ranks of other hosts by.
package struct TransportSight: Hashable, Sendable {
  /// Whether there is a UCX that can be used.
  package var hasUCX = false
  /// How UCX reaches other hosts other than by sockets: "rc_mlx5/mlx5_0:1"; nil if it does not.
  package var fabric: String?
  /// The MPI of the launcher: "Open MPI v4.1.4"; nil if no launcher of one has started the rank, or it has no library.
  package var mpi: String?

  /// Makes one of what is known.
  package init(hasUCX: Bool, fabric: String? = nil, mpi: String? = nil) {
    (self.hasUCX, self.fabric, self.mpi) = (hasUCX, fabric, mpi)
  }

  /// Looks around in this process.
  init(_ variables: [String: String] = ProcessInfo.processInfo.environment) {
    let context = try? UCXContext(UCXLibrary())
    (hasUCX, fabric) = (context != nil, context?.fabric)
    // Nobody asks for MPI where there is UCX.
    if !hasUCX { mpi = try? MPILibrary(MPILauncher(variables)).version }
  }

  // MARK: As bytes for an exchange

  /// Three lines.
  var bytes: [UInt8] {
    Array([hasUCX ? "ucx" : "", fabric ?? "", mpi ?? ""].joined(separator: "\n").utf8)
  }

  /// Reads what another rank has sent; what makes no sense is nothing.
  init(_ bytes: [UInt8]) {
    let lines = String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    let line = { (index: Int) in
      lines.indices.contains(index) && !lines[index].isEmpty ? lines[index] : nil
    }
    self.init(hasUCX: line(0) != nil, fabric: line(1), mpi: line(2))
  }
}
