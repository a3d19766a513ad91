import DeepEPSystemMPI
import FoundationEssentials

extension MPI {
  /// The libraries that jobs on this host may take: the one that a person has named, or else those of all launchers.
  ///
  /// None of them becomes the MPI of this process.
  ///
  /// - Returns: what each says of itself, "Open MPI v4.1.4"; or what is wrong, and the line that installs one.
  package static func installations(
    _ variables: [String: String] = ProcessInfo.processInfo.environment
  ) -> [Result<String, CommunicationError>] {
    if let library = variables[MPILauncher.variable] { return [look(at: [library], nil)] }
    return MPILauncher.Family.allCases.map { look(at: $0.libraries, $0) }
  }

  private static func look(
    at names: [String], _ family: MPILauncher.Family?
  ) -> Result<String, CommunicationError> {
    var (version, message) = (CMessage(), CMessage())
    let number = MPILibrary.withNames(names) { names in
      version.fill { text, count in
        message.fill { deepep_mpi_look(names, text, count, $0, $1) }
      }
    }
    guard let number, number >= 0 else {
      return .failure(MPILibrary.unopened(message.text, family))
    }
    guard MPILauncher.Family(number: number) != nil else {
      return .failure(MPILibrary.unknown(version.text, family))
    }
    return .success(version.text)
  }
}

extension MPILauncher.Family {
  /// As the shim numbers them; nil for any other.
  init?(number: Int32) {
    switch Int(number) {
    case DEEPEP_MPI_OPEN_MPI: self = .openMPI
    case DEEPEP_MPI_MPICH: self = .mpich
    default: return nil
    }
  }
}
