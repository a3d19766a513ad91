import DeepEPCommunication
import Testing

/// What the variables of launchers mean.
@Suite struct JobEnvironmentTests {
  private static var torchrun: [String: String] {
    [
      "RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1",
      "MASTER_PORT": "29500",
    ]
  }

  private static var slurm: [String: String] {
    [
      "SLURM_PROCID": "3", "SLURM_STEP_ID": "0", "SLURM_JOB_ID": "77", "SLURM_NTASKS": "8",
      "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_NNODES": "3",
      "SLURM_STEP_NODELIST": "gpu[07-08],login", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.9",
    ]
  }

  private static var openMPI: [String: String] {
    [
      "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
      "PMIX_RANK": "0", "PMIX_NAMESPACE": "123.1",
    ]
  }

  private static var mpich: [String: String] {
    ["PMI_RANK": "1", "PMI_SIZE": "2", "PMI_FD": "6", "MPI_LOCALNRANKS": "2"]
  }

  private static var deepep: [String: String] {
    [
      "DEEPEP_RANK": "2", "DEEPEP_RANK_COUNT": "3", "DEEPEP_ADDRESS": "127.0.0.1",
      "DEEPEP_PORT": "4000", "DEEPEP_JOB": "j", "DEEPEP_JOB_TOKEN": "t",
    ]
  }

  @Test func withoutVariablesThereIsNoJob() throws {
    #expect(try JobEnvironment.read(["PATH": "/bin", "SLURM_JOB_ID": "3"]) == nil)
  }

  @Test func theOrderIsKept() throws {
    var all: [String: String] = [:]
    let order: [([String: String], JobEnvironment.Launcher)] = [
      (Self.slurm, .slurm), (Self.mpich, .mpich), (Self.openMPI, .openMPI),
      (Self.torchrun, .torchrun), (Self.deepep, .deepep),
    ]
    for (variables, launcher) in order {
      all.merge(variables) { $1 }
      #expect(try JobEnvironment.read(all)?.launcher == launcher)
    }
  }

  @Test func aRestartIsTold() throws {
    let restart = { (number: String, path: String) in
      try JobEnvironment.read(
        Self.deepep.merging(["DEEPEP_RESTART": number, "DEEPEP_RESTART_CHECKPOINT": path]) { $1 }
      )?.restart
    }
    #expect(try restart("0", "") == nil && JobEnvironment.read(Self.deepep)?.restart == nil)
    #expect(try restart("2", "a/b") == Restart(number: 2, checkpoint: "a/b"))
    #expect(try restart("1", "") == Restart(number: 1))
    #expect(throws: CommunicationError.self) { try restart("often", "") }
  }

  @Test func torchrunVariables() throws {
    var job = try #require(try JobEnvironment.read(Self.torchrun))
    #expect(job.rank == 1 && job.rankCount == 4 && !job.isOneHost && job.needsHub)
    #expect(job.addresses == ["10.0.0.1"] && job.port == 29500)
    let own = ["TORCHELASTIC_USE_AGENT_STORE": "True", "LOCAL_WORLD_SIZE": "4"]
    job = try #require(try JobEnvironment.read(Self.torchrun.merging(own) { $1 }))
    #expect(job.port == 29501 && job.isOneHost)
  }

  @Test func slurmVariables() throws {
    let job = try #require(try JobEnvironment.read(Self.slurm))
    #expect(job.rank == 3 && job.rankCount == 4 && !job.isOneHost)
    #expect(job.addresses == ["gpu07", "10.0.0.9"] && job.jobName == "slurm-77-0")
    #expect((20000..<30000).contains(job.port))
    let one = ["SLURM_STEP_NUM_NODES": "1", "DEEPEP_PORT": "5000"]
    let local = try #require(try JobEnvironment.read(Self.slurm.merging(one) { $1 }))
    #expect(local.isOneHost && local.port == 5000)
  }

  /// Whoever reaches rank 0 could join a job without a secret.
  @Test func aJobWithoutASecretIsForLoopback() throws {
    for variables in [Self.slurm, Self.torchrun] {
      let environment = try #require(try JobEnvironment.read(variables))
      let error = #expect(throws: CommunicationError.self) { try Job.join(environment) }
      #expect(
        error?.what.hasPrefix("the ranks share no secret, and rank 0 would listen at") == true)
      #expect(error?.fix.contains("export DEEPEP_JOB_TOKEN=$(od -An -N16") == true)
      let told = variables.merging(["DEEPEP_JOB_TOKEN": "a"]) { $1 }
      #expect(throws: Never.self) { try JobEnvironment.read(told)?.checkSecret() }
    }
    for address in ["127.0.0.1", "127.7.7.7", "localhost"] {
      let local = Self.torchrun.merging(["MASTER_ADDR": address]) { $1 }
      #expect(throws: Never.self) { try JobEnvironment.read(local)?.checkSecret() }
    }
  }

  @Test func openMPIVariables() throws {
    let job = try #require(try JobEnvironment.read(Self.openMPI))
    #expect(job.rank == 0 && job.rankCount == 2 && job.isOneHost)
    var far = Self.openMPI
    far["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1"
    let error = #expect(throws: CommunicationError.self) { try JobEnvironment.read(far) }
    #expect(error?.fix.contains("DEEPEP_ADDRESS") == true)
    far["OMPI_MCA_orte_hnp_uri"] = "7.0;tcp://10.0.0.1,10.1.0.1:4711;tcp6://[fd00::2]:4712"
    #expect(try JobEnvironment.read(far)?.addresses == ["10.0.0.1", "10.1.0.1"])
    far["DEEPEP_ADDRESS"] = "10.0.0.1"
    #expect(try JobEnvironment.read(far)?.addresses == ["10.0.0.1"])
  }

  @Test func mpichVariables() throws {
    let job = try #require(try JobEnvironment.read(Self.mpich))
    #expect(job.rank == 1 && job.rankCount == 2 && job.isOneHost && job.needsHub)
    var far = Self.mpich
    far["MPI_LOCALNRANKS"] = "1"
    let error = #expect(throws: CommunicationError.self) { try JobEnvironment.read(far) }
    #expect(error?.fix.contains("-genv DEEPEP_PORT") == true)
    far.merge(["DEEPEP_PORT": "29500", "DEEPEP_ADDRESS": "10.0.0.1"]) { $1 }
    let wide = try #require(try JobEnvironment.read(far))
    #expect(wide.port == 29500 && wide.addresses == ["10.0.0.1"] && !wide.isOneHost)
  }

  /// mpirun may start its own helpers by srun, whose variables the ranks inherit.
  @Test func mpirunUnderSlurmIsMpirun() throws {
    for variables in [Self.openMPI, Self.mpich] {
      let job = try JobEnvironment.read(Self.slurm.merging(variables) { $1 })
      #expect(try job?.rankCount == 2 && job == JobEnvironment.read(variables))
    }
  }

  @Test(arguments: [nil, "0", "1", "yes"])
  func aPersonMayAskForTheReportOfStragglers(_ value: String?) throws {
    for variables in [Self.torchrun, Self.slurm, Self.openMPI, Self.mpich] {
      let all = variables.merging(value.map { ["DEEPEP_REPORT_STRAGGLERS": $0] } ?? [:]) { $1 }
      if value == "yes" {
        let error = #expect(throws: CommunicationError.self) { try JobEnvironment.read(all) }
        #expect(error?.what == "DEEPEP_REPORT_STRAGGLERS is 'yes'")
      } else {
        #expect(try JobEnvironment.read(all)?.reportsStragglers == (value == "1"))
      }
    }
  }

  @Test(arguments: [
    ("RANK", "x"), ("RANK", "-1"), ("RANK", "4"), ("WORLD_SIZE", "0"), ("MASTER_PORT", "65536"),
    ("MASTER_PORT", ""), ("MASTER_ADDR", ""), ("WORLD_SIZE", "99999999999999999999"),
  ])
  func mistakesAreNamed(_ name: String, _ value: String) {
    let variables = Self.torchrun.merging([name: value]) { $1 }
    let error = #expect(throws: CommunicationError.self) { try JobEnvironment.read(variables) }
    let names = error.map { $0.what.contains(name) || $0.what == "rank 4 of 4 ranks" }
    #expect(names == true, "\(String(describing: error))")
  }

  @Test(arguments: [
    ("n1", "n1"), ("n[3-7,9],m", "n3"), ("n[007],m", "n007"), ("a,b[1-2]", "a"),
    ("r[1-2]n[05-06]x", "r1n05x"), ("a-b,c", "a-b"), ("", nil), (",", nil), ("[", nil),
  ])
  func theFirstHostOfAListIsFound(_ list: String, _ first: String?) {
    #expect(SlurmNodeList.first(of: list) == first)
  }
}
