import DeepEPCompute
import Foundation
import Testing

/// Kernels that are kept on disk.
@Suite struct KernelCacheTests {
  private static let samples = [
    (SampleRegions.softmax(rows: 5, columns: 67), 1),
    (SampleRegions.layerNorm(rows: 4, columns: 33), 3),
    (SampleRegions.gelu(rows: 3, columns: 50, tanh: true), 2),
    (SampleRegions.gelu(rows: 3, columns: 50, tanh: false), 2),
    (SampleRegions.columnSums(rows: 9, columns: 32, block: 16), 1),
    (SampleRegions.elementwise(40, .float64) { .unary(.sine, $0) }, 1),
  ]

  /// The bits of what the samples compute, with kernels compiled together.
  private func results(_ library: KernelLibrary) throws -> [[UInt64]] {
    let machine = try Machine(library: library)
    let cases = Self.samples.map { region, count in
      (region, (0..<count).map { _ in Numbers(region.resultTypes[0].element, scrambled(400)) })
    }
    let kernels = try machine.compiler.compile(cases.map { try machine.source($0.0, $0.1) })
    return zip(kernels, cases).map { kernel, sample in
      machine.run(kernel, sample.0, sample.1)[0].values.map(\.bitPattern)
    }
  }

  @Test func whatIsLoadedComputesWhatWasCompiled() throws {
    let folder = CacheFolder()
    let cold = try KernelLibrary(cache: folder.cache)
    let compiled = try results(cold)
    #expect(cold.compilationCount == Self.samples.count)
    #expect(folder.names.count == Self.samples.count)
    let warm = try KernelLibrary(cache: folder.cache)
    #expect(try results(warm) == compiled)
    #expect(warm.compilationCount == 0)
    let without = try KernelLibrary()
    #expect(try results(without) == compiled)
    #expect(without.compilationCount == Self.samples.count)
  }

  @Test func devicesThatShareALibraryCompileOnce() async throws {
    let library = try KernelLibrary()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for thread in 0..<4 {
        group.addTask {
          let machine = try Machine(threads: 1 + thread % 2, library: library)
          let kernels = (0..<10).map { CountedKernel($0 + thread % 3) }
          _ = try machine.compiler.compile(
            kernels.map {
              try machine.compiler.source($0.region, operandTypes: $0.region.resultTypes)
            })
          return try kernels.allSatisfy { try $0.isRight(machine) }
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect(library.compilationCount == 12)
  }

  // MARK: Bad files

  /// Uses a folder in which a file was tampered with: nothing but time may be lost, and the next
  /// library finds a good file.
  private func expectRepair(
    _ folder: CacheFolder, compilations: Int = 1, isRepaired: Bool = true, _ what: String
  ) throws {
    let library = try KernelLibrary(cache: folder.cache)
    #expect(try CountedKernel(3).isRight(Machine(threads: 1, library: library)), "\(what)")
    #expect(library.compilationCount == compilations, "\(what)")
    guard isRepaired else { return }
    let next = try KernelLibrary(cache: folder.cache)
    #expect(try CountedKernel(3).isRight(Machine(threads: 1, library: next)), "\(what)")
    #expect(next.compilationCount == 0, "\(what)")
  }

  @Test func anyDamageIsFoundAndReplaced() throws {
    let folder = CacheFolder()
    try expectRepair(folder, "a new folder")
    let file = try #require(folder.files.first)
    let good = try Data(contentsOf: URL(fileURLWithPath: file))
    var (random, damaged) = (SystemRandomNumberGenerator(), [(String, Data)]())
    let places =
      Array(0..<48) + (0..<30).map { _ in Int.random(in: 48..<good.count, using: &random) }
    for place in places {
      var bytes = good
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      damaged.append(("byte \(place)", bytes))
    }
    for count in [0, 1, 47, 48, 49, good.count - 1] {
      damaged.append(("\(count) bytes", good.prefix(count)))
    }
    damaged.append(("one byte more", good + [0]))
    damaged.append(("zeros", Data(count: good.count)))
    for (what, bytes) in damaged {
      try bytes.write(to: URL(fileURLWithPath: file))
      try expectRepair(folder, what)
    }
    #expect(folder.files == [file])
  }

  /// A whole file in the place of another.
  @Test func aFileOfAnotherKernelIsNotUsed() throws {
    let folder = CacheFolder()
    let library = try KernelLibrary(cache: folder.cache)
    #expect(try CountedKernel(3).isRight(Machine(threads: 1, library: library)))
    let file = try #require(folder.files.first)
    #expect(try CountedKernel(4).isRight(Machine(threads: 1, library: library)))
    let other = try #require(folder.files.first { $0 != file })
    unlink(file)
    try FileManager.default.copyItem(atPath: other, toPath: file)
    try expectRepair(folder, "another kernel")
  }

  @Test func onlyOwnRegularFilesAreRead() throws {
    let folder = CacheFolder()
    try expectRepair(folder, "a new folder")
    let file = try #require(folder.files.first)
    chmod(file, 0o666)
    try expectRepair(folder, "a file that others may write")
    rename(file, folder.path + "/elsewhere")
    symlink("elsewhere", file)
    try expectRepair(folder, "a symbolic link")
    unlink(file)
    mkfifo(file, 0o600)
    try expectRepair(folder, "a pipe")
    unlink(file)
    truncate(file, to: 1 << 40)
    try expectRepair(folder, "a file of a terabyte")
    unlink(file)
    mkdir(file, 0o700)
    try expectRepair(folder, isRepaired: false, "a folder")
  }

  private func truncate(_ file: String, to byteCount: Int) {
    let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
    ftruncate(descriptor, byteCount)
    close(descriptor)
  }

  /// Root may write to any folder, so these are places where nobody may.
  @Test func aFolderThatCannotBeWrittenToIsNoError() throws {
    let blocked = NSTemporaryDirectory() + "deepep-\(UUID())"
    try Data().write(to: URL(fileURLWithPath: blocked))
    defer { unlink(blocked) }
    for path in ["\(blocked)/x", "/proc/deepep/kernels", "", "\0", blocked] {
      let library = try KernelLibrary(cache: .folder(path))
      #expect(try CountedKernel(2).isRight(Machine(threads: 1, library: library)), "\(path)")
      #expect(library.compilationCount == 1)
    }
  }
}
