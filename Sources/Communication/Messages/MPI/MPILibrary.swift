import DeepEPSystemMPI
import Glibc

/// The MPI of this process, found as its launcher expects and opened when a job asks for it.
// Its functions are constants, and may be called by all threads: those that must not call MPI have it called.
final class MPILibrary: @unchecked Sendable {
  let handle: OpaquePointer
  private let launcher: MPILauncher

  /// Opens the library, without calling MPI yet.
  ///
  /// - Throws: ``CommunicationError`` if there is none, one that is too old, or one that is not the launcher's.
  init(_ launcher: MPILauncher) throws {
    self.launcher = launcher
    var message = CMessage()
    guard let handle = message.fill({ Self.open(launcher.libraries, $0, $1) }) else {
      throw Self.unopened(message.text, launcher.family)
    }
    self.handle = handle
    guard let family = MPILauncher.Family(number: deepep_mpi_family(handle)) else {
      throw Self.unknown(version, launcher.family)
    }
    guard launcher.family == nil || launcher.family == family else {
      throw CommunicationError(
        "the launcher is \(launcher.family?.rawValue ?? "")'s, the library is \(version)",
        at: "communication 'mpi'",
        fix: "name the launcher's own library by \(MPILauncher.variable), or start the ranks by "
          + (family == .openMPI ? "Open MPI's mpirun" : "MPICH's mpiexec.hydra"))
    }
  }

  private static func open(
    _ names: [String], _ message: UnsafeMutablePointer<CChar>, _ byteCount: Int
  ) -> OpaquePointer? {
    withNames(names) { deepep_mpi_open($0, message, byteCount) }
  }

  /// Names of libraries as the shim takes them.
  static func withNames<Result>(
    _ names: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result?
  ) -> Result? {
    let copies = names.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let list = copies.map { $0.map { UnsafePointer($0) } } + [nil]
    return list.withUnsafeBufferPointer { $0.baseAddress.flatMap(body) }
  }

  // MARK: What is missing

  /// The error of a library that is not there, or does not do.
  static func unopened(_ reason: String, _ family: MPILauncher.Family?) -> CommunicationError {
    missing("MPI cannot be opened: \(reason)", family)
  }

  static func unknown(_ version: String, _ family: MPILauncher.Family?) -> CommunicationError {
    missing("'\(version)' is neither Open MPI nor one with MPICH's handles", family)
  }

  private static func missing(
    _ what: String, _ family: MPILauncher.Family?
  ) -> CommunicationError {
    CommunicationError(
      what, at: "communication 'mpi'",
      fix: "install the MPI of the launcher, with MPI 3.0 or newer (Debian: apt-get install "
        + "\((family ?? .openMPI).package)), or name its libmpi.so by \(MPILauncher.variable)")
  }

  /// What the library says of itself: "Open MPI v4.1.4".
  var version: String { String(cString: deepep_mpi_version(handle)) }

  /// MPI's words for a status.
  func reason(_ status: Int32) -> String {
    var message = CMessage()
    _ = message.fill { deepep_mpi_reason(handle, status, $0, $1) as Void? }
    return "MPI: \(message.text)"
  }

  // MARK: Starting

  /// Initialises MPI together with all other ranks of a job.
  ///
  /// - Throws: the job's failure; ``CommunicationError`` if MPI's processes are not the ranks of the job.
  func start(_ control: any JobControl) throws {
    deepep_mpi_start(handle, ProcessThreads.serviceName)
    // MPI waits for ever for a rank that has died by now.
    while deepep_mpi_started(handle) == 1 {
      try control.check()
      usleep(200)
    }
    let status = deepep_mpi_started(handle)
    guard status == 0 else {
      throw error("\(version) cannot start: \(reason(status))", control, "see what it has written")
    }
    guard Int(deepep_mpi_size(handle)) == control.rankCount else {
      throw error(
        "\(version) has \(deepep_mpi_size(handle)) processes, the job \(control.rankCount) ranks",
        control, "start all ranks by one mpirun or srun, of the MPI whose library it is")
    }
    // Whatever has failed, its other processes may not come to the end that MPI waits for.
    control.onFailure { deepep_mpi_abandon(self.handle) }
  }

  func error(_ what: String, _ control: any JobControl, _ fix: String) -> CommunicationError {
    CommunicationError(what, at: control.membership.name(of: control.rank), fix: fix)
  }
}
