import DeepEPElements
import Glibc

/// What a process learns from its environment about the job that it was started for.
package struct JobEnvironment: Hashable, Sendable {
  /// Who started the ranks.
  package enum Launcher: String, Hashable, Sendable, CaseIterable {
    case deepep = "deepep launch"
    case torchrun, slurm
    case openMPI = "Open MPI"
    case mpich = "MPICH"
  }

  package var launcher: Launcher
  package var rank: Int
  package var rankCount: Int
  /// Where the hub may be, to be tried in this order.
  package var addresses: [String]
  package var port: UInt16
  package var jobName: String
  package var token: String
  /// Whether all ranks are on this host, as far as the environment says.
  package var isOneHost: Bool
  /// That other ranks of the job were started before these, and one has died.
  package var restart: Restart?
  /// Whether rank 0, where it serves the others, says at the end who waited for whom.
  package var reportsStragglers = false

  /// Makes an environment.
  package init(
    launcher: Launcher, rank: Int, rankCount: Int, addresses: [String], port: UInt16,
    jobName: String, token: String, isOneHost: Bool, restart: Restart? = nil
  ) {
    (self.launcher, self.rank, self.rankCount) = (launcher, rank, rankCount)
    (self.addresses, self.port, self.isOneHost) = (addresses, port, isOneHost)
    (self.jobName, self.token, self.restart) = (jobName, token, restart)
  }

  /// Whether rank 0 has to serve the others, since nobody else does.
  package var needsHub: Bool { launcher != .deepep }

  /// Reads the variables of a process: first those of `deepep launch`, then torchrun's, those of the launchers of
  /// Open MPI and MPICH, which may have been started under Slurm, and Slurm's.
  ///
  /// - Returns: nil if there are none: the process was started alone.
  /// - Throws: ``CommunicationError`` for variables that are incomplete or make no sense.
  package static func read(_ variables: [String: String]) throws -> JobEnvironment? {
    let reader = VariableReader(variables: variables)
    if variables["DEEPEP_RANK"] != nil { return try deepep(reader) }
    if variables["RANK"] != nil, variables["WORLD_SIZE"] != nil { return try torchrun(reader) }
    if variables["OMPI_COMM_WORLD_RANK"] != nil { return try openMPI(reader) }
    if variables["MPI_LOCALNRANKS"] != nil, variables["PMI_RANK"] != nil {
      return try mpich(reader)
    }
    if variables["SLURM_PROCID"] != nil, variables["SLURM_STEP_ID"] != nil {
      return try slurm(reader)
    }
    return variables["PMIX_RANK"] == nil ? nil : try openMPI(reader)
  }

  // MARK: Launchers

  private static func deepep(_ reader: VariableReader) throws -> JobEnvironment {
    JobEnvironment(
      launcher: .deepep, rank: try reader.rank("DEEPEP_RANK"),
      rankCount: try reader.rankCount("DEEPEP_RANK_COUNT"),
      addresses: [try reader.text("DEEPEP_ADDRESS")], port: try reader.port("DEEPEP_PORT"),
      jobName: try reader.text("DEEPEP_JOB"), token: try reader.text("DEEPEP_JOB_TOKEN"),
      isOneHost: false, restart: try restart(reader))
  }

  private static func restart(_ reader: VariableReader) throws -> Restart? {
    guard let number = try reader.restartNumber("DEEPEP_RESTART"), number > 0 else { return nil }
    let path = reader.variables["DEEPEP_RESTART_CHECKPOINT"] ?? ""
    return Restart(number: number, checkpoint: path.isEmpty ? nil : path)
  }

  private static func torchrun(_ reader: VariableReader) throws -> JobEnvironment {
    let rankCount = try reader.rankCount("WORLD_SIZE")
    let localCount = reader.variables["LOCAL_WORLD_SIZE"].flatMap { Int($0) }
    let run = reader.variables["TORCHELASTIC_RUN_ID"] ?? "none"
    var port = try reader.port("MASTER_PORT")
    // torchrun's own store listens at the port that it tells; the next one is ours.
    if reader.variables["TORCHELASTIC_USE_AGENT_STORE"] == "True" { port &+= 1 }
    return try JobEnvironment(
      launcher: .torchrun, rank: reader.rank("RANK"), rankCount: rankCount,
      addresses: [reader.text("MASTER_ADDR")], port: port,
      jobName: "torchrun-\(run)-\(port)", token: "", isOneHost: localCount == rankCount
    ).overridden(by: reader)
  }

  private static func slurm(_ reader: VariableReader) throws -> JobEnvironment {
    let job = try reader.text("SLURM_JOB_ID") + "." + reader.text("SLURM_STEP_ID")
    let nodes = reader.variables["SLURM_STEP_NODELIST"] ?? reader.variables["SLURM_NODELIST"] ?? ""
    let isOneHost =
      reader.variables["SLURM_STEP_NUM_NODES"] ?? reader.variables["SLURM_NNODES"] == "1"
    let first = SlurmNodeList.first(of: nodes)
    let start = reader.variables["SLURM_LAUNCH_NODE_IPADDR"]
    return try JobEnvironment(
      launcher: .slurm, rank: reader.rank("SLURM_PROCID"),
      rankCount: reader.rankCount(
        reader.variables["SLURM_STEP_NUM_TASKS"] == nil ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS"),
      addresses: isOneHost ? ["127.0.0.1"] : [first, start].compactMap { $0 },
      port: derivedPort(job), jobName: "slurm-\(job)", token: "", isOneHost: isOneHost
    ).overridden(by: reader)
  }

  private static func openMPI(_ reader: VariableReader) throws -> JobEnvironment {
    let isOwn = reader.variables["OMPI_COMM_WORLD_RANK"] != nil
    let rankCount = try reader.rankCount(
      isOwn || reader.variables["PMIX_SIZE"] == nil ? "OMPI_COMM_WORLD_SIZE" : "PMIX_SIZE")
    let localCount = reader.variables["OMPI_COMM_WORLD_LOCAL_SIZE"].flatMap { Int($0) }
    let job =
      reader.variables["PMIX_NAMESPACE"] ?? reader.variables["OMPI_MCA_ess_base_jobid"] ?? ""
    let secret = reader.variables["OMPI_MCA_orte_precondition_transports"] ?? ""
    return try JobEnvironment(
      launcher: .openMPI, rank: reader.rank(isOwn ? "OMPI_COMM_WORLD_RANK" : "PMIX_RANK"),
      rankCount: rankCount,
      addresses: localCount == rankCount ? ["127.0.0.1"] : startAddresses(reader),
      port: derivedPort(job + secret), jobName: "mpi-\(job)", token: secret,
      isOneHost: localCount == rankCount
    ).overridden(by: reader)
  }

  /// MPICH's launcher gives its jobs no name: on one host its process, the parent of the ranks, is one.
  private static func mpich(_ reader: VariableReader) throws -> JobEnvironment {
    let rankCount = try reader.rankCount("PMI_SIZE")
    let isOneHost = reader.variables["MPI_LOCALNRANKS"].flatMap { Int($0) } == rankCount
    let job = isOneHost ? "\(getppid())" : reader.variables["DEEPEP_PORT"] ?? ""
    guard !job.isEmpty else {
      throw CommunicationError(
        "nothing says at which port rank 0 listens", at: "variables of \(Launcher.mpich.rawValue)",
        fix: "pass its address and a free port to all ranks: mpiexec.hydra "
          + "-genv DEEPEP_ADDRESS 10.0.0.1 -genv DEEPEP_PORT 29500 ...")
    }
    return try JobEnvironment(
      launcher: .mpich, rank: reader.rank("PMI_RANK"), rankCount: rankCount,
      addresses: isOneHost ? ["127.0.0.1"] : [], port: derivedPort(job), jobName: "mpich-\(job)",
      token: "", isOneHost: isOneHost
    ).overridden(by: reader)
  }

  /// The addresses of the host where mpirun was called, on which its first rank usually runs.
  ///
  /// They stand in a text such as "3.0;tcp://10.0.0.1,10.1.0.1:4711;tcp6://[fd00::2]:4712".
  private static func startAddresses(_ reader: VariableReader) -> [String] {
    let places = reader.variables["OMPI_MCA_orte_hnp_uri"]?.split(separator: ";") ?? []
    guard let place = places.first(where: { $0.hasPrefix("tcp://") }) else { return [] }
    let addresses = place.dropFirst(6).prefix { $0 != ":" }
    return addresses.split(separator: ",").map(String.init)
  }

  /// A port that all ranks of a job find alone, below those that systems give to clients.
  private static func derivedPort(_ text: String) -> UInt16 {
    20000 + UInt16(WordDigest.of(text.utf8) % 10000)
  }

  /// The same with what a person has set: DEEPEP_ADDRESS, DEEPEP_PORT, DEEPEP_JOB_TOKEN and DEEPEP_REPORT_STRAGGLERS.
  private func overridden(by reader: VariableReader) throws -> JobEnvironment {
    var result = self
    if reader.variables["DEEPEP_ADDRESS"] != nil {
      result.addresses = [try reader.text("DEEPEP_ADDRESS")]
    }
    if reader.variables["DEEPEP_PORT"] != nil { result.port = try reader.port("DEEPEP_PORT") }
    if let token = reader.variables["DEEPEP_JOB_TOKEN"] { result.token = token }
    result.reportsStragglers = try reader.flag("DEEPEP_REPORT_STRAGGLERS")
    result.jobName = String(result.jobName.map { $0.isLetter || $0.isNumber ? $0 : "-" })
    guard rank < rankCount else {
      throw CommunicationError(
        "rank \(rank) of \(rankCount) ranks", at: "variables of \(launcher.rawValue)",
        fix: "ranks are numbered from 0")
    }
    guard !result.addresses.isEmpty else {
      throw CommunicationError(
        "nothing says where rank 0 is", at: "variables of \(launcher.rawValue)",
        fix:
          "pass its address to all ranks as DEEPEP_ADDRESS: mpirun -x DEEPEP_ADDRESS=10.0.0.1 ...")
    }
    return result
  }
}
