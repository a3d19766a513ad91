import Synchronization

/// Compiled kernels, kept for as long as this lives.
///
/// Equal kernels are compiled once, or taken from a folder on disk where an earlier process kept them.
/// Devices that are given the same library share its kernels. Any number of threads may use it.
package final class KernelLibrary: Sendable {
  let llvm: LLVMLibrary
  /// The widest vectors that kernels use.
  let vectorLimit: VectorLimit?
  private let memory: CodeMemory
  private let folder: KernelFolder?
  /// What code depends on beside its text.
  private let target: ContentDigest
  private let places = Mutex<[String: Place]>([:])
  private let compilations = Atomic(0)

  /// A kernel, once a thread has made it.
  private final class Place: Sendable {
    let function = Mutex<KernelFunction?>(nil)
  }

  /// Starts LLVM for this machine.
  ///
  /// - Parameters:
  ///   - cache: Where kernels are kept for the next process.
  ///   - cacheByteLimit: About how much is kept.
  ///   - vectorLimit: The widest vectors to use; by default what the processor has.
  /// - Throws: ``LibraryError`` if LLVM is missing.
  package init(
    cache: KernelCache = .off, cacheByteLimit: Int = 256 << 20, vectorLimit: VectorLimit? = nil
  ) throws {
    self.vectorLimit = vectorLimit
    llvm = try LLVMLibrary(vectors: vectorLimit)
    memory = try CodeMemory(llvm)
    target = ContentDigest(ObjectCompiler.identity(llvm))
    folder = cache.path.map { KernelFolder($0, byteLimit: cacheByteLimit) }
  }

  /// How many kernels were compiled, and not found on disk.
  package var compilationCount: Int { compilations.load(ordering: .relaxed) }

  /// How many kernels there are.
  package var kernelCount: Int { places.withLock { $0.count } }

  /// A kernel that is ready; nil if it is not, or a thread is at it.
  func ready(_ source: KernelSource) -> KernelFunction? {
    place(source).function.withLockIfAvailable { $0 } ?? nil
  }

  /// Makes a kernel, unless it is there or another thread is at it.
  func prepare(_ source: KernelSource, _ compiler: CompilerOnDemand) throws {
    _ = try place(source).function.withLockIfAvailable { try make(source, compiler, &$0) }
  }

  /// A kernel, made here if it is not there; waits for another thread that is at it.
  func function(_ source: KernelSource, _ compiler: CompilerOnDemand) throws -> KernelFunction {
    try place(source).function.withLock { try make(source, compiler, &$0) }
  }

  private func place(_ source: KernelSource) -> Place {
    places.withLock { places in
      if let known = places[source.name] { return known }
      let made = Place()
      places[source.name] = made
      return made
    }
  }

  private func make(
    _ source: KernelSource, _ compiler: CompilerOnDemand, _ function: inout KernelFunction?
  ) throws -> KernelFunction {
    if let function { return function }
    let made = try kept(source) ?? compiled(source, compiler)
    function = made
    return made
  }

  private func key(_ source: KernelSource) -> ContentDigest {
    var key = target
    key.append(source.text)
    return key
  }

  /// A kernel of the folder; nil if there is none, or it cannot be linked.
  private func kept(_ source: KernelSource) -> KernelFunction? {
    guard let object = folder?.object(key(source)) else { return nil }
    return try? memory.add(object, named: source.name)
  }

  private func compiled(
    _ source: KernelSource, _ compiler: CompilerOnDemand
  ) throws -> KernelFunction {
    let object = try compiler.compiler().compile(source)
    compilations.wrappingAdd(1, ordering: .relaxed)
    let function = try memory.add(object, named: source.name)
    folder?.keep(object, key(source))
    return function
  }
}

/// The compiler of a thread, started when the first kernel has to be compiled.
final class CompilerOnDemand {
  private let llvm: LLVMLibrary
  private var started: ObjectCompiler?

  init(_ llvm: LLVMLibrary) { self.llvm = llvm }

  func compiler() throws -> ObjectCompiler {
    let compiler = try started ?? ObjectCompiler(llvm)
    started = compiler
    return compiler
  }
}
