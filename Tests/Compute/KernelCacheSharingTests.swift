import DeepEPCompute
import Foundation
import Testing

/// A folder of kernels that is full, or in use by others.
@Suite struct KernelCacheSharingTests {
  @Test func theFolderStaysBoundedAndKeepsWhatIsUsed() throws {
    let (folder, limit) = (CacheFolder(), 100_000)
    let library = try KernelLibrary(cache: folder.cache, cacheByteLimit: limit)
    #expect(try CountedKernel(0).isRight(Machine(library: library)))
    let used = try #require(folder.names.first)
    for number in 1..<60 {
      // A new library each time, because what a library has it does not look for on disk.
      let fresh = try KernelLibrary(cache: folder.cache, cacheByteLimit: limit)
      let machine = try Machine(threads: 1, library: fresh)
      #expect(try CountedKernel(0).isRight(machine) && CountedKernel(number).isRight(machine))
      #expect(fresh.compilationCount == 1, "the kernel in use is gone")
      #expect(folder.byteCount <= limit)
    }
    #expect(folder.names.contains(used) && folder.names.count > 2)
  }

  @Test func whatKilledProcessesLeftBehindIsRemoved() throws {
    let folder = CacheFolder()
    let library = try KernelLibrary(cache: folder.cache)
    #expect(try CountedKernel(0).isRight(Machine(library: library)))
    let (old, new) = (folder.path + "/1.partial", folder.path + "/2.partial")
    for path in [old, new] { try Data([1]).write(to: URL(fileURLWithPath: path)) }
    let yesterday = Date(timeIntervalSinceNow: -86_400)
    try FileManager.default.setAttributes([.modificationDate: yesterday], ofItemAtPath: old)
    let next = try KernelLibrary(cache: folder.cache)
    #expect(try CountedKernel(1).isRight(Machine(library: next)))
    #expect(!folder.files.contains(old) && folder.files.contains(new))
  }

  /// Threads that compile, load, damage and remove the same files at the same time.
  @Test func usersAtTheSameTimeDoNotDisturbOneAnother() async throws {
    let folder = CacheFolder()
    let (path, cache) = (folder.path, folder.cache)
    let vandal = Task.detached {
      var random = SystemRandomNumberGenerator()
      while !Task.isCancelled {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        for name in names where name.hasSuffix(".kernel") {
          let file = FileHandle(forUpdatingAtPath: "\(path)/\(name)")
          try? file?.seek(toOffset: .random(in: 0..<600, using: &random))
          try? file?.write(contentsOf: [UInt8.random(in: 0...255, using: &random)])
        }
        try? await Task.sleep(for: .milliseconds(1))
      }
    }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for user in 0..<4 {
        group.addTask {
          for round in 0..<5 {
            let library = try KernelLibrary(cache: cache, cacheByteLimit: 60_000)
            let machine = try Machine(threads: 1, library: library)
            for number in 0..<8 {
              let kernel = CountedKernel((number * (user + 1) + round) % 9)
              guard try kernel.isRight(machine) else { return false }
            }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    vandal.cancel()
    await vandal.value
  }
}
