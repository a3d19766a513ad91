import DeepEPTensors
import Synchronization

/// Compiles regions for this machine, and keeps the code for as long as it lives.
///
/// Equal kernels are compiled once. Compiling many in one call uses all threads of the pool.
package final class KernelCompiler {
  /// The width of vectors that loops use.
  package let vectorBits: Int
  private let llvm: LLVMLibrary
  private let memory: CodeMemory
  private let objectCompiler: ObjectCompiler
  private let pool: ThreadPool
  private var functions: [String: KernelFunction] = [:]

  /// Starts LLVM for this machine.
  package init(pool: ThreadPool, vectorBits: Int? = nil) throws {
    llvm = try LLVMLibrary()
    memory = try CodeMemory(llvm)
    objectCompiler = try ObjectCompiler(llvm)
    self.pool = pool
    self.vectorBits = vectorBits ?? (llvm.has("avx512f") ? 512 : 256)
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
    try KernelSource(
      region, operandTypes: operandTypes, sharedBuffers: sharedBuffers, vectorBits: vectorBits)
  }

  /// Compiles many kernels; the functions come in the order of the sources.
  package func compile(_ sources: [KernelSource]) throws -> [KernelFunction] {
    var seen = Set(functions.keys)
    let missing = sources.filter { seen.insert($0.name).inserted }
    for (source, object) in zip(missing, try objects(missing)) {
      functions[source.name] = try memory.add(object, named: source.name)
    }
    return try sources.map { source in
      guard let function = functions[source.name] else {
        throw llvm.failure(nil, "finding \(source.name)")
      }
      return function
    }
  }

  private func objects(_ sources: [KernelSource]) throws -> [[UInt8]] {
    guard sources.count > 1, pool.threadCount > 1 else {
      return try sources.map { try objectCompiler.compile($0) }
    }
    let queue = CompilationQueue(sources, llvm)
    pool.onEachThread { _ in queue.work() }
    return try queue.results()
  }
}

/// Kernels waiting to be compiled by whichever thread is free.
private final class CompilationQueue: Sendable {
  private let sources: [KernelSource]
  private let llvm: LLVMLibrary
  private let next = Atomic(0)
  private let finished = Mutex<[Int: Result<[UInt8], any Error>]>([:])

  init(_ sources: [KernelSource], _ llvm: LLVMLibrary) {
    self.sources = sources
    self.llvm = llvm
  }

  func work() {
    let compiler = Result { try ObjectCompiler(llvm) }
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < sources.count else { return }
      let result = Result { try compiler.get().compile(sources[index]) }
      finished.withLock { $0[index] = result }
    }
  }

  func results() throws -> [[UInt8]] {
    try finished.withLock { finished in
      try sources.indices.compactMap { try finished[$0]?.get() }
    }
  }
}
