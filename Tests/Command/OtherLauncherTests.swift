import DeepEPCommunicationLinks
import Foundation
import Testing

/// The same program under the variables of other launchers, and under the launchers themselves.
@Suite(.tags(.process)) struct OtherLauncherTests {
  /// Asks rank 0 to say at the end who waited for whom.
  private static let report = ["DEEPEP_REPORT_STRAGGLERS": "1"]

  /// Words of a job in which rank 1 comes three seconds late.
  private static var late: [String] { [CommandRun.communicationRank, "late", "shared-memory"] }

  /// Rank 1 was waited for: one report says so.
  private func checkReport(_ errors: String) throws {
    let line = /deepep: rank (\d) was waited for (\d+\.\d) s by rank/
    let first = try #require(errors.firstMatch(of: line), "\(errors)")
    #expect(first.1 == "1" && Double(first.2) ?? 0 > 1, "\(errors)")
    #expect(errors.matches(of: /deepep: rank 1 was waited for/).count == 1, "\(errors)")
  }

  /// Runs `deepep ranks` with the variables of each rank.
  private func ranks(_ variables: [[String: String]], in folder: URL) throws -> [LaunchedJob] {
    try variables.map { try LaunchedJob(["ranks"], in: folder, variables: $0) }
  }

  private func check(_ jobs: [LaunchedJob]) {
    for (rank, job) in jobs.enumerated() {
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.output.hasPrefix("rank \(rank) (host "), "\(job.output)")
      #expect(job.lines[0].hasSuffix(" of \(jobs.count) ranks on 1 hosts"), "\(job.output)")
    }
  }

  @Test func torchrunVariables() throws {
    try withFolder { folder in
      check(
        try ranks(
          (0..<3).map {
            [
              "RANK": "\($0)", "WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3",
              "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "28462",
            ]
          }, in: folder))
    }
  }

  /// Pods have an address of their own, and some operators give the first one another name for itself than the others.
  @Test(
    .enabled(if: LinkLaboratory.refusal == nil, "network namespaces are forbidden here"),
    arguments: [LinkLaboratory.address(0), "localhost"])
  func variablesOfPods(_ ownName: String) throws {
    try withFolder { folder in
      let links = try LinkLaboratory(hostCount: 2, megabitsPerSecond: 1000, delaySeconds: 1e-4)
      let jobs = try (0..<2).map { rank in
        try LaunchedJob(
          ["--net=\(links.networkPath(rank))", CommandRun.executable.path, "ranks"], in: folder,
          program: "/usr/bin/nsenter",
          variables: [
            "RANK": "\(rank)", "WORLD_SIZE": "2", "MASTER_PORT": "23456",
            "MASTER_ADDR": rank == 0 ? ownName : LinkLaboratory.address(0),
            "DEEPEP_ADDRESS": LinkLaboratory.address(0), "DEEPEP_JOB_TOKEN": "secret",
          ])
      }
      for (rank, job) in jobs.enumerated() {
        #expect(job.status() == 0, "\(job.errors)")
        #expect(job.lines.first?.hasSuffix(" of 2 ranks on 2 hosts") == true, "\(job.output)")
        #expect(job.output.hasPrefix("rank \(rank) (host "), "\(job.output)")
      }
    }
  }

  @Test func underTorchrunVariablesRankZeroSaysWhoWasWaitedFor() throws {
    try withFolder { folder in
      let jobs = try (0..<2).map {
        try LaunchedJob(
          Array(Self.late.dropFirst()), in: folder, program: Self.late[0],
          variables: [
            "RANK": "\($0)", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "28466",
          ].merging(Self.report) { $1 })
      }
      for job in jobs { #expect(job.status() == 0, "\(job.errors)") }
      try checkReport(jobs[0].errors)
      #expect(jobs[1].errors == "")
    }
  }

  @Test func slurmVariables() throws {
    try withFolder { folder in
      check(
        try ranks(
          (0..<2).map {
            [
              "SLURM_PROCID": "\($0)", "SLURM_NTASKS": "2", "SLURM_NNODES": "1",
              "SLURM_JOB_ID": "\(getpid())", "SLURM_STEP_ID": "0",
            ]
          }, in: folder))
    }
  }

  // MARK: The launchers themselves

  private static let needsOpenMPI: Comment = "Debian's openmpi-bin is not installed"
  private static let needsSlurm: Comment =
    "Debian's slurmctld, slurmd, slurm-client and munge are not installed"
  private static let needsTorchrun: Comment = "no torchrun: Benchmarks/peers/setup.sh brings it"

  private static var hasSlurm: Bool {
    getuid() == 0
      && ["srun", "slurmctld", "slurmd", "munged"].allSatisfy { Program.path($0) != nil }
  }

  /// The ranks of one launch, in lines that may come in any order.
  private func check(_ job: LaunchedJob, count: Int, hosts: Int) {
    #expect(job.status() == 0, "\(job.output)\(job.errors)")
    for rank in 0..<count {
      let isThere = job.lines.contains {
        $0.hasPrefix("rank \(rank) (host ") && $0.hasSuffix(" of \(count) ranks on \(hosts) hosts")
      }
      #expect(isThere, "\(job.output)\(job.errors)")
    }
  }

  private static let asRoot = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
  ]

  @Test(.enabled(if: Program.path("mpirun") != nil, needsOpenMPI))
  func openMPI() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        ["--oversubscribe", "-n", "4", CommandRun.executable.path, "ranks"], in: folder,
        program: Program.path("mpirun"), variables: Self.asRoot)
      check(job, count: 4, hosts: 1)
    }
  }

  @Test(.enabled(if: Program.path("mpirun") != nil, needsOpenMPI))
  func underOpenMPIRankZeroSaysWhoWasWaitedFor() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        ["--oversubscribe", "-n", "3"] + Self.late, in: folder, program: Program.path("mpirun"),
        variables: Self.asRoot.merging(Self.report) { $1 })
      #expect(job.status() == 0, "\(job.errors)")
      try checkReport(job.errors)
    }
  }

  /// Stopped, since mpirun itself ends a job of which a rank is killed.
  @Test(.enabled(if: Program.path("mpirun") != nil, needsOpenMPI))
  func aStoppedRankIsNamedUnderOpenMPI() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        [
          "--oversubscribe", "-n", "3", CommandRun.executable.path, "ranks", "--seconds", "60",
        ], in: folder, program: Program.path("mpirun"), variables: Self.asRoot)
      let processes = try job.processes(3)
      kill(processes[2], SIGSTOP)
      #expect(job.status() != 0)
      #expect(job.errors.contains("error: rank 2 (host "), "\(job.errors)")
    }
  }

  /// Two nodes of a cluster that the script starts.
  @Test(.enabled(if: hasSlurm, needsSlurm)) func slurm() throws {
    try withFolder { folder in
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scripts/slurm.sh").path
      let job = try LaunchedJob(
        [
          folder.path, "\(21000 + getpid() % 5000)", "--overcommit", "-N", "2", "-n", "4",
          CommandRun.executable.path, "ranks",
        ], in: folder, program: script,
        variables: ["DEEPEP_JOB_TOKEN": "\(UUID())"].merging(Self.report) { $1 })
      check(job, count: 4, hosts: 2)
      // These ranks have no collectives; the report comes all the same.
      #expect(job.errors.contains("deepep: no rank was waited for\n"), "\(job.errors)")
    }
  }

  @Test(.enabled(if: Program.torchrun != nil, needsTorchrun)) func torchrun() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        [
          "--no-python", "--nproc-per-node", "3", "--master-port", "28465",
          CommandRun.executable.path, "ranks",
        ], in: folder, program: Program.torchrun, variables: Self.report)
      check(job, count: 3, hosts: 1)
      #expect(job.errors.contains("deepep: no rank was waited for\n"), "\(job.errors)")
    }
  }

  // MARK: Failure

  @Test func aRankOfAnotherJobIsRefused() throws {
    try withFolder { folder in
      let variables = { (rank: Int, token: String) in
        [
          "RANK": "\(rank)", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
          "MASTER_PORT": "28463", "DEEPEP_JOB_TOKEN": token,
        ]
      }
      let first = try LaunchedJob(["ranks"], in: folder, variables: variables(0, "a"))
      let stranger = try LaunchedJob(["ranks"], in: folder, variables: variables(1, "b"))
      #expect(stranger.status() == 1)
      #expect(stranger.errors.contains("this rank was refused: the token is not that of job"))
      let second = try LaunchedJob(["ranks"], in: folder, variables: variables(1, "a"))
      #expect(second.status() == 0 && first.status() == 0, "\(first.errors)")
      #expect(first.errors.contains("refused a connection from 127.0.0.1:"), "\(first.errors)")
    }
  }

  /// Rank 0, which serves the others, is killed: they name it.
  @Test func theRankThatServesIsKilled() throws {
    try withFolder { folder in
      let jobs = try (0..<3).map { rank in
        try LaunchedJob(
          ["ranks", "--seconds", "60"], in: folder,
          variables: [
            "RANK": "\(rank)", "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": "28464",
          ])
      }
      for job in jobs { _ = try job.processes(1) }
      kill(jobs[0].process.processIdentifier, SIGKILL)
      for job in jobs.dropFirst() {
        #expect(job.status() == 1)
        let start = "error: rank 0 (host "
        let isNamed =
          job.errors.hasPrefix(start)
          && job.errors.contains(
            "process \(jobs[0].process.processIdentifier)) is lost: its connection ended")
        #expect(isNamed, "\(job.errors)")
        #expect(job.errors.contains("\n    rank 2 (host "), "\(job.errors)")
      }
    }
  }
}
