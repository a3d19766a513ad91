import Foundation
import Testing

/// Libraries of messages that are missing, or are not of a version that is known, are errors that say what to install.
@Suite(
  .tags(.process), .enabled(if: Program.path("cc") != nil, "there is no C compiler: Debian's gcc"))
struct LibraryVersionTests {
  /// Makes a library that is a UCX and an MPI of these versions; returns its path.
  private func library(
    ucx: (major: Int, minor: Int) = (1, 13), mpi: Int = 3, named name: String = "Open MPI v4.1.4",
    in folder: URL
  ) throws -> String {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Scripts/versions.c").path
    let library = folder.appendingPathComponent("libversions.so").path
    let versions = [
      "-DUCX_MAJOR=\(ucx.major)", "-DUCX_MINOR=\(ucx.minor)", "-DMPI_MAJOR=\(mpi)",
      "-DMPI_NAME=\"\(name)\"",
    ]
    let compiler = try LaunchedJob(
      ["-shared", "-fPIC", "-o", library, source] + versions, in: folder,
      program: Program.path("cc"))
    try #require(compiler.status() == 0, "\(compiler.errors)")
    return library
  }

  /// Runs a job of one rank; returns what it says as it ends.
  private func failure(
    _ transport: String, _ variables: [String: String], in folder: URL
  ) throws -> String {
    let job = try LaunchedJob(
      ["conformance", transport], in: folder, program: CommandRun.communicationRank,
      variables: variables)
    #expect(job.status() == 1, "\(job.output)\(job.errors)")
    return job.output
  }

  @Test(arguments: [
    ((1, 12), "error: UCX 1.12 is too old: 1.13 is the oldest one known"),
    ((2, 0), "error: UCX 2.0 is too new: its functions may be others than those of 1.x"),
  ])
  func anotherUCXIsRefused(_ version: (Int, Int), _ error: String) throws {
    try withFolder { folder in
      let library = try library(ucx: version, in: folder)
      let text = try failure("ucx", ["DEEPEP_UCX": library], in: folder)
      let fix = "install a UCX from 1.13 on, before 2.0 (Debian: apt-get install libucx0)"
      #expect(text.hasPrefix(error) && text.contains(fix), "\(text)")
    }
  }

  @Test(arguments: [
    (2, "Open MPI v1.4", "error: MPI cannot be opened: it knows MPI 2.0, and 3.0 is needed"),
    (3, "Some MPI 7", "error: 'Some MPI 7' is neither Open MPI nor one with MPICH's handles"),
  ])
  func anotherMPIIsRefused(_ version: Int, _ name: String, _ error: String) throws {
    try withFolder { folder in
      let launched = [
        "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
        "DEEPEP_MPI": try library(mpi: version, named: name, in: folder),
      ]
      let text = try failure("mpi", launched, in: folder)
      let fix = "with MPI 3.0 or newer (Debian: apt-get install libopenmpi3)"
      #expect(text.hasPrefix(error) && text.contains(fix), "\(text)")
    }
  }

  /// What a job would take, or what installs it.
  @Test func theDoctorNamesThem() throws {
    try withFolder { folder in
      let library = try library(ucx: (1, 12), named: "MPICH Version: 4.2", in: folder)
      let run = try LaunchedJob(
        ["doctor", "--threads", "1"], in: folder,
        variables: ["DEEPEP_UCX": library, "DEEPEP_MPI": library])
      #expect(run.status() == 0, "\(run.errors)")
      let text = run.output
      #expect(text.contains(/ucx +missing: UCX 1\.12 is too old/), "\(text)")
      #expect(text.contains("apt-get install libucx0") && !text.contains("libopenmpi3"), "\(text)")
      #expect(text.contains(/mpi +found: MPICH Version: 4\.2,/), "\(text)")
    }
  }

  @Test func theDoctorSaysWhatUCXSees() throws {
    try withFolder { folder in
      let run = try LaunchedJob(
        ["doctor", "--threads", "1"], in: folder,
        variables: ["UCX_TLS": "tcp", "UCX_NET_DEVICES": "lo", "DEEPEP_MPI": "/nowhere/libmpi.so"])
      #expect(run.status() == 0, "\(run.errors)")
      let text = run.output
      #expect(text.contains(/ucx +1\.\d+ sees no fabric but TCP: .*tcp\/lo/), "\(text)")
      #expect(!text.contains("eth0") && text.contains("apt-get install libopenmpi3"), "\(text)")
    }
  }
}
