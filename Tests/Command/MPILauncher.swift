import DeepEPCommunicationLinks
import Foundation
import Testing

/// A launcher of MPI that is installed on this machine, with a library of its own.
enum MPILauncher: String, CaseIterable, CustomTestStringConvertible {
  case openMPI = "Open MPI"
  case mpich = "MPICH"

  static var installed: [MPILauncher] { allCases.filter { $0.program != nil } }

  var testDescription: String { rawValue }

  /// The program that starts ranks; nil if it is not here.
  var program: String? {
    switch self {
    case .openMPI: Program.path("mpirun")
    case .mpich: Program.path("mpiexec.hydra")
    }
  }

  /// Words that start a number of ranks, whose lines carry their rank.
  func words(_ rankCount: Int) -> [String] {
    switch self {
    case .openMPI: ["--oversubscribe", "--tag-output", "-n", "\(rankCount)"]
    case .mpich: ["-prepend-rank", "-n", "\(rankCount)"]
    }
  }

  /// Starts ranks that run a program.
  ///
  /// - Parameter hosts: of how many hosts the ranks take themselves for, as many on each.
  func job(
    _ rankCount: Int, _ command: [String], in folder: URL, hosts: Int = 1,
    variables: [String: String] = [:]
  ) throws -> LaunchedJob {
    let parts = (0..<hosts).map { host in
      let name = hosts == 1 ? [] : ["env", "DEEPEP_HOST=host\(host)"]
      return words(rankCount / hosts) + name + command
    }
    return try LaunchedJob(
      Array(parts.joined(separator: [":"])), in: folder, program: program,
      variables: Self.asRoot.merging(variables) { $1 })
  }

  /// Starts ranks on two hosts of a laboratory by Open MPI's launcher, as many on each.
  static func openMPIJob(
    _ rankCount: Int, _ command: [String], on links: LinkLaboratory, in folder: URL
  ) throws -> LaunchedJob {
    let line = try links.openMPILine(
      ["mpirun", "--tag-output"], rankCounts: [rankCount / 2, rankCount / 2], command,
      agent: folder.appendingPathComponent("mpi-agent").path)
    return try LaunchedJob(["-c", line], in: folder, program: "/bin/sh", variables: asRoot)
  }

  /// Open MPI's launcher must be told twice that root may use it.
  static let asRoot = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
  ]
}

extension LaunchedJob {
  /// The lines of ranks as `deepep launch` shows them: "[0] right".
  var taggedLines: [String] {
    lines.map { $0.replacing(/^\[1,(\d+)\]<std(out|err)>:/) { "[\($0.1)] " } }
  }
}
