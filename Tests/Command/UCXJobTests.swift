import DeepEPCommunicationLinks
import Foundation
import Testing

/// Whatever UCX is limited to, ranks that are processes compute the same over it.
@Suite(.tags(.process)) struct UCXJobTests {
  /// What UCX may use: the values of its variable UCX_TLS.
  private enum Limit: String, CaseIterable {
    case sockets = "tcp,self"
    case sharedMemory = "sm,self"
    /// Its parts by name.
    case segments = "posix,sysv,cma,self"
    case none = "all"
  }

  private static func combined(_ few: [(Limit, Int)]) -> [(String, Int)] {
    let all = Limit.allCases.flatMap { limit in (1...8).map { (limit, $0) } }
    return (Conformance.isEverything ? all : few).map { ($0.rawValue, $1) }
  }

  @Test(arguments: combined([(.sockets, 3), (.sharedMemory, 2), (.segments, 4)]))
  func collectivesAreTheSerialComputation(_ limit: String, _ rankCount: Int) throws {
    try withFolder { folder in
      let seed = Conformance.seed
      let job = try LaunchedJob(
        ["launch", "-n", "\(rankCount)", "--", CommandRun.communicationRank, "conformance", "ucx"]
          + [seed],
        in: folder, variables: ["UCX_TLS": limit])
      Conformance.check(job, rankCount: rankCount, seed: seed)
    }
  }

  /// Namespaces of networks are hosts with a link between them; UCX may share memory with none of them.
  @Test(
    .enabled(if: LinkLaboratory.refusal == nil, "network namespaces are forbidden here"),
    arguments: Conformance.isEverything ? [2, 4, 6, 8] : [4], ["conformance", "hierarchy"])
  func hostsWorkTogetherOverALink(_ rankCount: Int, _ scenario: String) throws {
    try withFolder { folder in
      let seed = Conformance.seed
      let links = try LinkLaboratory(hostCount: 2, megabitsPerSecond: 4000, delaySeconds: 1e-4)
      let enter = (0..<2).map { "--net=\(links.networkPath($0))" }
      let hosts = try LaunchedJob.twoHosts(
        in: folder,
        """
        export UCX_TLS=tcp,self UCX_NET_DEVICES=link0
        case $1 in left) net=\(enter[0]) ;; right) net=\(enter[1]) ;; esac
        # UCX finds devices in /sys, which shows those of the network in which it was mounted.
        exec nsenter "$net" unshare --mount sh -c 'mount -t sysfs sysfs /sys && exec sh -c "$0"' "$2"
        """, address: LinkLaboratory.address(0))
      let words = ["launch", "-n", "\(rankCount)"] + hosts + ["--"]
      let job = try LaunchedJob(
        [enter[0], CommandRun.executable.path] + words
          + [CommandRun.communicationRank, scenario, "ucx", seed],
        in: folder, program: "/usr/bin/nsenter")
      Conformance.check(job, rankCount: rankCount, seed: seed)
    }
  }

  /// The sums of two ranks have one order only, so there is no rounding that could excuse a difference.
  @Test func trainingHasTheBitsOfSharedMemory() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let runs = try ["shared-memory", "ucx"].map { transport in
        try job.train(
          ranks: 2, ["--steps", "5", "--strategy", "data=2,zero=1", "--communication", transport],
          name: transport)
      }
      #expect(runs.allSatisfy { $0.status == 0 }, "\(runs.map(\.errors))")
      #expect(runs[0].losses.count == 5 && runs[0].losses == runs[1].losses, "\(runs[1].losses)")
      #expect(!runs[0].tensors.isEmpty && runs[0].tensors == runs[1].tensors)
    }
  }
}
