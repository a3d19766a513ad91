import Foundation
import Testing

/// Training under the launchers of clusters gives what `deepep launch` gives, bit for bit.
@Suite(.tags(.process)) struct LauncherTrainingTests {
  private static let options = ["--steps", "5", "--strategy", "data=2,tensor=2,zero=1"]

  private static var hasSlurm: Bool {
    getuid() == 0
      && ["srun", "slurmctld", "slurmd", "munged"].allSatisfy { Program.path($0) != nil }
  }

  private func check(_ run: RankJob.Ending, _ launched: RankJob.Ending, _ name: String) {
    #expect(run.status == 0, "\(name): \(run.errors)")
    #expect(run.losses == launched.losses && run.losses.count == 5, "\(name): \(run.losses)")
    #expect(run.tensors == launched.tensors, "\(name)")
  }

  @Test(
    .enabled(if: !MPILauncher.installed.isEmpty, "Scripts/launchers.sh brings launchers of MPI"))
  func mpirun() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let launched = try job.train(
        ranks: 4, Self.options + ["--communication", "tcp"], name: "launched")
      let cases = MPILauncher.installed.map { ($0, "mpi") } + [(MPILauncher.installed[0], "ucx")]
      for (launcher, transport) in cases {
        let run = try job.train(
          by: launcher.program ?? "", launcher.words(4), variables: MPILauncher.asRoot,
          Self.options + ["--communication", transport], name: "run")
        check(run, launched, "\(launcher.rawValue), \(transport)")
      }
    }
  }

  /// Two nodes of a cluster that the script starts, with two ranks each.
  @Test(.enabled(if: hasSlurm, "Scripts/launchers.sh brings Slurm")) func srun() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let hosts = try LaunchedJob.twoHosts(in: folder)
      let launched = try job.train(
        ranks: 4, Self.options + ["--communication", "tcp"], name: "launched", launch: hosts)
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scripts/slurm.sh").path
      // Both in one step, since a cluster takes seconds to start; the second run has the same name.
      let keep = "{ [ $SLURM_PROCID != 0 ] || { cp run.jsonl mpi.jsonl && rm -r run; }; }"
      let both = "\"$@\" --communication mpi && \(keep) && \"$@\" --communication ucx"
      let run = try job.train(
        by: script,
        [
          folder.path, "\(26000 + getpid() % 3000)", "--mpi=pmix", "--overcommit", "-N", "2", "-n",
          "4", "sh", "-c", both, "sh",
        ],
        variables: [
          "DEEPEP_JOB_TOKEN": "\(UUID())",
          // On both nodes, which are one host, Open MPI would give the same names to its shared memory.
          "OMPI_MCA_btl": "self,tcp", "OMPI_MCA_pml": "ob1",
        ], Self.options, name: "run")
      check(run, launched, "ucx")
      let first = job.losses("mpi")
      #expect(first == launched.losses, "mpi: \(first) \(run.errors)")
    }
  }
}
