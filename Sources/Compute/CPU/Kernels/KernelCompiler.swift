import DeepEPTensors
import Synchronization

/// Compiles regions for this machine, on all threads of a pool.
package final class KernelCompiler {
  /// The width of vectors that loops use.
  package let vectorBits: Int
  /// Whether there are instructions for products of pairs of bfloat16 numbers.
  package let hasPairedProducts: Bool
  /// Where kernels are kept.
  package let library: KernelLibrary
  private let pool: ThreadPool
  /// What was written since the last compilation: layers are alike, so most regions come many times.
  private var texts: [RegionKey: KernelSource] = [:]

  /// Makes a compiler.
  ///
  /// - Parameters:
  ///   - pool: The threads that compile.
  ///   - library: Where kernels are kept; by default the compiler has its own.
  ///   - vectorBits: The width of vectors that loops should use; by default this machine's.
  package init(
    pool: ThreadPool, library: KernelLibrary? = nil, vectorBits: Int? = nil
  ) throws {
    let library = try library ?? KernelLibrary()
    (self.library, self.pool) = (library, pool)
    self.vectorBits = vectorBits ?? (library.llvm.has("avx512f") ? 512 : 256)
    hasPairedProducts = self.vectorBits == 512 && library.llvm.has("avx512bf16")
  }

  /// Compiles one region.
  package func compile(
    _ region: Region, operandTypes: [Type], sharedBuffers: [Int: Int] = [:]
  ) throws -> KernelFunction {
    let source = try source(region, operandTypes: operandTypes, sharedBuffers: sharedBuffers)
    return try compile([source])[0]
  }

  /// The text of a region for this machine.
  package func source(
    _ region: Region, operandTypes: [Type], sharedBuffers: [Int: Int] = [:]
  ) throws -> KernelSource {
    let key = RegionKey(region: region, operands: operandTypes, sharedBuffers: sharedBuffers)
    if let text = texts[key] { return text }
    let text = try KernelSource(
      region, operandTypes: operandTypes, sharedBuffers: sharedBuffers, vectorBits: vectorBits,
      hasPairedProducts: hasPairedProducts)
    texts[key] = text
    return text
  }

  private struct RegionKey: Hashable {
    let region: Region
    let operands: [Type]
    let sharedBuffers: [Int: Int]
  }

  /// Compiles many kernels, as far as the library does not have them; the functions come in the order
  /// of the sources.
  package func compile(_ sources: [KernelSource]) throws -> [KernelFunction] {
    texts = [:]
    let missing = Set(sources).filter { library.ready($0) == nil }
    if missing.count > 1 {
      // The longest first, so that no thread is left with one at the end.
      let queue = CompilationQueue(
        missing.sorted { $0.text.utf8.count > $1.text.utf8.count }, library)
      pool.onEachThread { _ in queue.work() }
    }
    // What other devices are compiling now is waited for here, after all else is done; what failed
    // fails again, and says why.
    let compiler = CompilerOnDemand(library.llvm)
    return try sources.map { try library.function($0, compiler) }
  }
}

/// Kernels waiting to be compiled by whichever thread is free.
private final class CompilationQueue: Sendable {
  private let sources: [KernelSource]
  private let library: KernelLibrary
  private let next = Atomic(0)

  init(_ sources: [KernelSource], _ library: KernelLibrary) {
    (self.sources, self.library) = (sources, library)
  }

  func work() {
    let compiler = CompilerOnDemand(library.llvm)
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < sources.count else { return }
      try? library.prepare(sources[index], compiler)
    }
  }
}
