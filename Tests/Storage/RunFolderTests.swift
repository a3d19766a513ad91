import DeepEPStorage
import Glibc
import Testing

/// Runs have folders of their own, in which nothing of another run is overwritten.
@Suite struct RunFolderTests {
  private func checkpoint(_ step: Int, in run: String) throws {
    try Checkpoint.write(
      [TensorToWrite("x", [1], [Float(step)])], state: CheckpointState(step: step, dataPosition: 0),
      to: RunListing(of: run).path(ofStep: step))
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = try TemporaryFolder()
    defer { system("rm -rf '\(folder.path)/'*") }
    try body(folder.path)
  }

  @Test(arguments: [
    ("notes.txt", "notes"), ("a/b/notes.v2.txt", "notes.v2"), ("notes/", "notes"),
    ("/tmp/../tmp/", "tmp"), ("..", "run"), (".hidden", "hidden"), ("no-ending", "no-ending"),
  ])
  func aRunIsNamedAfterItsData(_ path: String, _ name: String) {
    #expect(RunShelf.name(ofData: path) == name)
  }

  @Test func numbersGoOnAfterTheLargest() throws {
    try withFolder { folder in
      let shelf = RunShelf("\(folder)/deep/runs")
      let first = try shelf.makeRun(named: "a")
      mkdir("\(shelf.path)/a-7", 0o777)
      mkdir("\(shelf.path)/a-b-9", 0o777)
      let others = try ["a", "a-b"].map(shelf.makeRun(named:))
      #expect([first] + others == ["a-1", "a-8", "a-b-10"].map { "\(shelf.path)/\($0)" })
    }
  }

  @Test func runsThatBeginAtTheSameTimeDoNotShareAFolder() async throws {
    let folder = try TemporaryFolder()
    defer { system("rm -rf '\(folder.path)/'*") }
    let shelf = RunShelf(folder.path)
    let made = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<16 { group.addTask { try shelf.makeRun(named: "run") } }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(made.count == 16)
  }

  @Test func theNewestRunIsThatWithTheNewestCheckpoint() throws {
    try withFolder { folder in
      let shelf = RunShelf(folder)
      #expect(shelf.newest == nil)
      let runs = try (0..<3).map { _ in try shelf.makeRun(named: "a") }
      #expect(shelf.newest == nil)
      try checkpoint(5, in: runs[1])
      usleep(20_000)
      try checkpoint(2, in: runs[0])
      #expect(shelf.newest?.folder == runs[0])
      #expect(shelf.newest?.newestWhole() == "\(runs[0])/step-2")
    }
  }

  @Test func aDamagedCheckpointIsPassedOver() throws {
    try withFolder { folder in
      for step in [9, 10] { try checkpoint(step, in: folder) }
      truncate("\(folder)/step-10", 20)
      var notices = 0
      #expect(RunListing(of: folder).newestWhole { _ in notices += 1 } == "\(folder)/step-9")
      #expect(notices == 1)
    }
  }

  @Test func twoRunsCannotHaveOneFolder() throws {
    try withFolder { folder in
      let run = "\(folder)/run"
      let first = try RunFolder(run, goingOnFrom: 0)
      let error = #expect(throws: StorageError.self) { try RunFolder(run, goingOnFrom: 0) }
      #expect(error?.what == "another run is writing here" && error?.place == "folder \(run)")
      withExtendedLifetime(first) {}
    }
    try withFolder { folder in
      try checkpoint(3, in: folder)
      for step in [0, 2] {
        let error = #expect(throws: StorageError.self) { try RunFolder(folder, goingOnFrom: step) }
        #expect(error?.what == "another run has been here: there is a checkpoint of step 3")
      }
      _ = try RunFolder(folder, goingOnFrom: 3)
      _ = try RunFolder(folder, goingOnFrom: nil)
      #expect(RunListing(of: folder).steps == [3])
    }
  }

  @Test func theNewestAndTheBestAreKept() throws {
    try withFolder { folder in
      let run = try RunFolder(folder, goingOnFrom: 0)
      for step in [1, 2, 3, 4, 10] {
        try checkpoint(step, in: folder)
        if step <= 2 { try run.markBest(step: step) }
      }
      #expect(run.listing.bestStep == 2)
      run.keep(newest: 2)
      #expect(run.listing.steps == [2, 4, 10])
      #expect(try Checkpoint("\(folder)/best").state.step == 2)
    }
  }

  /// Neither a run that saved nothing nor one that was killed while it saved leaves anything.
  @Test func nothingStaysBehind() throws {
    try withFolder { folder in
      let run = "\(folder)/run"
      try RunFolder(run, goingOnFrom: 0).write(settings: "{}")
      #expect(access(run, F_OK) != 0)
      mkdir(run, 0o777)
      fclose(fopen("\(run)/.step-4.partial-1-1", "w"))
      fclose(fopen("\(run)/mine", "w"))
      _ = try RunFolder(run, goingOnFrom: 0)
      #expect(access("\(run)/.step-4.partial-1-1", F_OK) != 0)
      #expect(access("\(run)/mine", F_OK) == 0)
    }
  }
}
