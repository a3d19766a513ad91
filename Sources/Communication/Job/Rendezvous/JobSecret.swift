extension JobEnvironment {
  /// Throws if strangers could join the job: rank 0 would listen to a network, and the ranks share no secret.
  ///
  /// `deepep launch` makes a secret for each job, and so does Open MPI. Slurm and torchrun give their ranks
  /// numbers and names that anybody on the network can guess or ask for, but no secret. On loopback
  /// only processes of the same host are reached, so there a job does without.
  package func checkSecret() throws {
    guard token.isEmpty, !isOneHost else { return }
    guard let address = addresses.first(where: { !Socket.isLoopback($0) }) else { return }
    throw CommunicationError(
      "the ranks share no secret, and rank 0 would listen at \(address), where strangers reach it",
      at: "rank \(rank) of job \(jobName), started by \(launcher.rawValue)",
      fix: """
        before \(launcher.command), say: export DEEPEP_JOB_TOKEN=$(od -An -N16 -tx1 /dev/urandom | tr -d ' '); \
        all ranks need the same one
        """)
  }
}

extension JobEnvironment.Launcher {
  /// The command that starts ranks.
  fileprivate var command: String {
    switch self {
    case .deepep: "deepep launch"
    case .torchrun: "torchrun (on every host the same token)"
    case .slurm: "srun"
    case .openMPI: "mpirun -x DEEPEP_JOB_TOKEN"
    case .mpich: "mpiexec.hydra"
    }
  }
}
