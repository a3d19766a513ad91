import DeepEPElements
import DeepEPStorage
import Glibc
import Testing

struct ProducerFailed: Error {}

@Suite struct AtomicWriteTests {
  let old = TensorToWrite("x", [2], [1, 2])

  /// Writes a good file, then fails to write another over it; the good one must be untouched.
  private func failsToReplace(_ tensors: [TensorToWrite], _ check: (any Error) -> Void) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    try SafetensorsWriter.write([old], to: path)
    let before = contents(path)
    do {
      try SafetensorsWriter.write(tensors, to: path)
      Issue.record("no error")
    } catch {
      check(error)
    }
    #expect(contents(path) == before)
    #expect(folder.names == ["model.safetensors"])
  }

  @Test func aProducerThatThrowsLeavesTheOldFile() throws {
    let failing = TensorToWrite("y", .float32, [1]) { _ in throw ProducerFailed() }
    try failsToReplace([old, failing]) { #expect($0 is ProducerFailed) }
  }

  @Test func tooFewAndTooManyBytesLeaveTheOldFile() throws {
    for count in [0, 3, 5] {
      let wrong = TensorToWrite("y", .float32, [1], bytes: [UInt8](repeating: 0, count: count))
      try failsToReplace([old, wrong]) { error in
        #expect((error as? StorageError)?.place.hasSuffix("tensor 'y'") == true)
      }
    }
  }

  @Test func badNamesAndShapesLeaveTheOldFile() throws {
    let reserved = TensorToWrite("__metadata__", [0], [])
    let negative = TensorToWrite("y", [-1], [])
    let huge = TensorToWrite("y", .float32, [Int.max, 2], bytes: [])
    let larger = TensorToWrite("z", .uint8, [Int.max], bytes: [])
    for tensors in [[old, old], [reserved], [negative], [huge], [old, larger], [larger]] {
      try failsToReplace(tensors) { #expect($0 is StorageError) }
    }
  }

  @Test func moreThanTheDiskHoldsIsRefusedBeforeWriting() throws {
    let large = TensorToWrite("y", .uint8, [1 << 60]) { _ in throw ProducerFailed() }
    try failsToReplace([large]) { error in
      #expect((error as? StorageError)?.what.contains("are free") == true, "\(error)")
    }
  }

  /// Root may write to any folder, so these are places where nobody may: below a regular file,
  /// in /proc, in no folder, over a folder.
  @Test func aPlaceThatCannotBeWrittenToIsAnError() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write([1], to: "file")
    for path in [
      "\(file)/x", "/proc/x.safetensors", "\(folder.path)/none/x", "\(folder.path)/", "",
    ] {
      let error = #expect(throws: StorageError.self) {
        try SafetensorsWriter.write([old], to: path)
      }
      #expect(error?.fix.isEmpty == false)
    }
    #expect(throws: StorageError.self) { try SafetensorsWriter.write([old], to: folder.path) }
    #expect(folder.names == ["file"])
    #expect(contents(file) == [1])
  }

  @Test func nothingButARegularFileIsReplaced() throws {
    let folder = try TemporaryFolder()
    mkfifo(folder.file("pipe"), 0o600)
    let error = #expect(throws: StorageError.self) {
      try SafetensorsWriter.write([old], to: folder.file("pipe"))
    }
    #expect(error?.what == "cannot write: not a regular file")
    #expect(folder.names == ["pipe"])
  }

  @Test func aSymbolicLinkStaysAndItsFileIsReplaced() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write([1], to: "model-1")
    symlink("model-1", folder.file("latest"))
    try SafetensorsWriter.write([old], to: folder.file("latest"))
    #expect(try SafetensorsFile(file).names == ["x"])
    var status = stat()
    lstat(folder.file("latest"), &status)
    #expect(status.st_mode & S_IFMT == S_IFLNK)
  }

  @Test func whatKilledProcessesLeftBehindIsRemovedAndWhatOthersWriteIsNot() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], to: ".model.partial-1-1")
    try folder.write([1], to: ".other.partial-1-1")
    let busy = open(try folder.write([1], to: ".model.partial-2-2"), O_RDONLY)
    defer { close(busy) }
    #expect(flock(busy, LOCK_EX) == 0)
    try SafetensorsWriter.write([old], to: folder.file("model"))
    #expect(folder.names == [".model.partial-2-2", ".other.partial-1-1", "model"])
  }

  /// Two threads that write one file at the same time: the last one wins, whole.
  @Test func writersAtTheSameTimeDoNotMix() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for value in 0..<8 {
        group.addTask {
          let values = [Float](repeating: Float(value), count: 10_000)
          try SafetensorsWriter.write([TensorToWrite("x", [10_000], values)], to: path)
        }
      }
      try await group.waitForAll()
    }
    let bytes = try SafetensorsFile(path).tensor(named: "x").withBytes { Array($0) }
    #expect(bytes.count == 40_000)
    #expect(bytes == Array((0..<10_000).flatMap { _ in bytes[..<4] }))
    #expect(folder.names == ["model"])
  }

  /// A full disk in the middle of writing: a limit of this process on the size of files.
  @Test func aWriteThatIsCutShortLeavesTheOldFile() async throws {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
      let test = AtomicWriteTests()
      let folder = try TemporaryFolder()
      let path = folder.file("model")
      try SafetensorsWriter.write([test.old], to: path)
      let before = contents(path)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      let large = TensorToWrite("y", [10_000], [Float](repeating: 1, count: 10_000))
      var message = ""
      do { try SafetensorsWriter.write([large], to: path) } catch { message = "\(error)" }
      let isWhole = contents(path) == before && folder.names == ["model"]
      unlink(path)
      rmdir(folder.path)
      exit(isWhole && message.contains("File too large") ? 0 : 1)
    }
  }
}
