import DeepEPCommunicationLinks
import Foundation
import Testing

/// Ranks that a launcher of MPI has started work together over its messages, and end with a reason if they do not.
@Suite(.tags(.process)) struct MPIJobTests {
  private static let needsLauncher: Comment =
    "no launcher of MPI is installed: Scripts/launchers.sh brings two"

  private static var launchersAndCounts: [(MPILauncher, Int)] {
    let few: [MPILauncher: [Int]] = [.openMPI: [1, 2, 8], .mpich: [5]]
    return MPILauncher.installed.flatMap { launcher in
      let counts = Conformance.isEverything ? Array(1...8) : few[launcher] ?? []
      return counts.map { (launcher, $0) }
    }
  }

  private func check(_ job: LaunchedJob, _ rankCount: Int, seed: String = "") {
    #expect(job.status() == 0, "\(job.output)\(job.errors)")
    // MPICH's launcher may write one rank's word into the line of another.
    let words = job.output.replacing(/\[[\d,]+\](<stdout>:| )/, with: "").filter {
      !$0.isWhitespace
    }
    let right = String(repeating: "right", count: rankCount)
    #expect(words == right, "DEEPEP_SEED=\(seed) \(job.output)\(job.errors)")
  }

  @Test(.enabled(if: !MPILauncher.installed.isEmpty, needsLauncher), arguments: launchersAndCounts)
  func collectivesAreTheSerialComputation(_ launcher: MPILauncher, _ rankCount: Int) throws {
    try withFolder { folder in
      let seed = Conformance.seed
      let words = [CommandRun.communicationRank, "conformance", "mpi", seed]
      check(try launcher.job(rankCount, words, in: folder), rankCount, seed: seed)
    }
  }

  /// MPI's own collectives: sums in any order, with the same bits on all ranks.
  @Test(
    .enabled(if: !MPILauncher.installed.isEmpty, needsLauncher), arguments: MPILauncher.installed)
  func collectivesOfMPIAreTheSerialComputation(_ launcher: MPILauncher) throws {
    try withFolder { folder in
      let (seed, rankCount) = (Conformance.seed, launcher == .openMPI ? 3 : 4)
      let words = [CommandRun.communicationRank, "native", "mpi-collectives", seed]
      check(try launcher.job(rankCount, words, in: folder), rankCount, seed: seed)
    }
  }

  @Test(.enabled(if: !MPILauncher.installed.isEmpty, needsLauncher))
  func hostsWorkTogether() throws {
    try withFolder { folder in
      let seed = Conformance.seed
      let words = [CommandRun.communicationRank, "hierarchy", "mpi", seed]
      check(try MPILauncher.installed[0].job(6, words, in: folder, hosts: 2), 6, seed: seed)
    }
  }

  /// Namespaces of networks are hosts with a link between them.
  @Test(
    .enabled(
      if: MPILauncher.openMPI.program != nil && LinkLaboratory.refusal == nil
        && Conformance.isEverything, "it takes long: make laws"),
    arguments: [2, 4, 6, 8])
  func hostsWorkTogetherOverALink(_ rankCount: Int) throws {
    try withFolder { folder in
      let seed = Conformance.seed
      let links = try LinkLaboratory(hostCount: 2, megabitsPerSecond: 4000, delaySeconds: 1e-4)
      let words = [CommandRun.communicationRank, "hierarchy", "mpi", seed]
      check(
        try MPILauncher.openMPIJob(rankCount, words, on: links, in: folder), rankCount, seed: seed)
    }
  }

  /// An MPI may grant its functions to one thread only.
  @Test(.enabled(if: MPILauncher.openMPI.program != nil && Program.path("cc") != nil))
  func anMPIForOneThreadIsCalledByOne() throws {
    try withFolder { folder in
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scripts/funneled.c").path
      let library = folder.appendingPathComponent("libfunneled.so").path
      let compiler = try LaunchedJob(
        ["-shared", "-fPIC", "-o", library, source, "-l:libmpi.so.40"], in: folder,
        program: Program.path("cc"))
      try #require(compiler.status() == 0, "\(compiler.errors)")
      let words = [CommandRun.communicationRank, "conformance", "mpi", "1"]
      check(
        try MPILauncher.openMPI.job(2, words, in: folder, variables: ["DEEPEP_MPI": library]), 2)
    }
  }

  @Test(.enabled(if: !MPILauncher.installed.isEmpty, needsLauncher))
  func ranksThatAreOutOfStepAreNamed() throws {
    try withFolder { folder in
      let words = [CommandRun.communicationRank, "out-of-step", "mpi"]
      let job = try MPILauncher.installed[0].job(3, words, in: folder)
      #expect(job.status() != 0)
      let line = job.output.firstMatch(of: /error: .*the ranks are out of step: .*/)?.0 ?? ""
      #expect(line.contains("all-reduce 1 (") && line.contains("barrier 1"), "\(job.output)")
    }
  }

  /// Stopped, since the launchers themselves end a job of which a rank is killed.
  @Test(.enabled(if: !MPILauncher.installed.isEmpty, needsLauncher))
  func aStoppedRankIsNamed() throws {
    try withFolder { folder in
      let words = [CommandRun.communicationRank, "barriers", "mpi"]
      let job = try MPILauncher.installed[0].job(3, words, in: folder)
      var process: Int32?
      for _ in 0..<2000 where process == nil {
        let lines = job.taggedLines.filter { $0.contains("] ready ") }
        if lines.count == 3, let line = lines.first(where: { $0.hasPrefix("[1] ") }) {
          process = Int32(line.dropFirst("[1] ready ".count))
        }
        usleep(10_000)
      }
      let victim = try #require(process, "\(job.output)\(job.errors)")
      kill(victim, SIGSTOP)
      #expect(job.status() != 0)
      let isNamed = job.output.contains(/error: rank 1 \(host [^,]+, process (\d+)\)/)
      #expect(isNamed && job.output.contains("process \(victim)"), "\(job.output)\(job.errors)")
    }
  }

  // MARK: What is missing

  @Test(
    .enabled(if: MPILauncher.openMPI.program != nil, needsLauncher),
    arguments: ["/nowhere/libmpi.so.40", "libm.so.6"])
  func withoutMPIAJobSaysWhatToInstall(_ library: String) throws {
    try withFolder { folder in
      let words = [CommandRun.communicationRank, "conformance", "mpi"]
      let job = try MPILauncher.openMPI.job(
        1, words, in: folder, variables: ["DEEPEP_MPI": library])
      #expect(job.status() != 0)
      let fix =
        "install the MPI of the launcher, with MPI 3.0 or newer (Debian: apt-get install libopenmpi3)"
      #expect(job.output.contains("error: MPI cannot be opened: "), "\(job.output)")
      #expect(job.output.contains(fix) && job.output.contains("DEEPEP_MPI"), "\(job.output)")
    }
  }

  @Test(.enabled(if: MPILauncher.installed.count == 2, needsLauncher))
  func theLibraryOfAnotherLauncherIsRefused() throws {
    try withFolder { folder in
      let words = [CommandRun.communicationRank, "conformance", "mpi"]
      let job = try MPILauncher.openMPI.job(
        1, words, in: folder, variables: ["DEEPEP_MPI": "libmpich.so.12"])
      #expect(job.status() != 0)
      let error = "error: the launcher is Open MPI's, the library is MPICH"
      #expect(job.output.contains(error), "\(job.output)")
    }
  }

  @Test func withoutALauncherOfMPIAJobSaysHowToStart() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        ["launch", "-n", "2", "--", CommandRun.communicationRank, "conformance", "mpi"], in: folder)
      #expect(job.status() != 0)
      for rank in 0..<2 {
        let error = "[\(rank)] error: these ranks were not started by a launcher of MPI"
        #expect(job.output.contains(error), "\(job.output)")
      }
      #expect(job.output.contains("mpirun -n 4 deepep train"), "\(job.output)")
    }
  }
}
