/// What the variables of a process say about the MPI by which its launcher expects it to be one of several.
struct MPILauncher: Hashable {
  /// Whose handles and variables there are.
  enum Family: String, CaseIterable {
    case openMPI = "Open MPI"
    /// With those that have its handles: Intel MPI, MVAPICH, Cray MPICH.
    case mpich = "MPICH"

    /// Names that the system's linker finds, the first one first.
    var libraries: [String] {
      switch self {
      case .openMPI: ["libmpi.so.40"]
      case .mpich: ["libmpich.so.12", "libmpi.so.12", "libmpi_cray.so.12"]
      }
    }

    /// Debian's package of the library.
    var package: String { self == .openMPI ? "libopenmpi3" : "libmpich12" }

    var other: Family { self == .openMPI ? .mpich : .openMPI }
  }

  /// The variable that names another library than the system's.
  static var variable: String { "DEEPEP_MPI" }

  /// Whose launcher it is; nil for Slurm's, which serves both.
  let family: Family?
  /// The names under which the library may be found, in this order.
  let libraries: [String]

  /// Reads the variables of a process.
  ///
  /// - Throws: ``CommunicationError`` if no launcher of an MPI has started it: MPI's own end is to end the process.
  init(_ variables: [String: String]) throws {
    let isOpenMPI = variables["OMPI_COMM_WORLD_RANK"] != nil
    let isPMIx = variables["PMIX_RANK"] != nil
    let isPMI = ["PMI_RANK", "PMI_FD", "PMI_PORT"].contains { variables[$0] != nil }
    guard variables["DEEPEP_RANK"] == nil, isOpenMPI || isPMIx || isPMI else {
      throw Self.notLaunched(variables)
    }
    // Slurm's variables are still there where another launcher was started under it.
    let isSlurm =
      variables["SLURM_PROCID"] != nil && !isOpenMPI && variables["MPI_LOCALNRANKS"] == nil
    family = isSlurm ? nil : isOpenMPI || isPMIx ? .openMPI : .mpich
    let first: Family = isOpenMPI || isPMIx ? .openMPI : .mpich
    let others = family == nil ? first.other.libraries : []
    libraries = variables[Self.variable].map { [$0] } ?? first.libraries + others
  }

  private static func notLaunched(_ variables: [String: String]) -> CommunicationError {
    if variables["SLURM_PROCID"] != nil, variables["DEEPEP_RANK"] == nil {
      return CommunicationError(
        "srun has not prepared these ranks for MPI", at: "communication 'mpi'",
        fix: "start them by srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH); srun --mpi=list says "
          + "what there is")
    }
    return CommunicationError(
      "these ranks were not started by a launcher of MPI", at: "communication 'mpi'",
      fix: "start them by mpirun or srun, as in: mpirun -n 4 deepep train ...; or choose another "
        + "communication")
  }
}
