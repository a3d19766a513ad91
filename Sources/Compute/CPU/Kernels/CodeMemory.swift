import DeepEPSystemLLVM
import Synchronization

/// Compiled kernels in memory, linked and ready to call; they live as long as this does.
final class CodeMemory: Sendable {
  private let llvm: LLVMLibrary
  // LLVM's linker is called by one thread at a time: the lock sees to it.
  nonisolated(unsafe) private let session: LLVMOrcLLJITRef
  nonisolated(unsafe) private let library: LLVMOrcJITDylibRef
  private let lock = Mutex(())

  init(_ llvm: LLVMLibrary) throws {
    self.llvm = llvm
    var made: LLVMOrcLLJITRef?
    try llvm.check(llvm.functions.OrcCreateLLJIT(&made, nil), "starting LLVM's linker")
    guard let made else { throw llvm.failure(nil, "starting LLVM's linker") }
    session = made
    library = llvm.functions.OrcLLJITGetMainJITDylib(session)
    var generator: LLVMOrcDefinitionGeneratorRef?
    let error = llvm.functions.OrcCreateDynamicLibrarySearchGeneratorForProcess(
      &generator, llvm.functions.OrcLLJITGetGlobalPrefix(session), nil, nil)
    try llvm.check(error, "looking up the process's functions")
    if let generator { llvm.functions.OrcJITDylibAddGenerator(library, generator) }
  }

  deinit {
    if let error = llvm.functions.OrcDisposeLLJIT(session) {
      llvm.functions.DisposeErrorMessage(llvm.functions.GetErrorMessage(error))
    }
  }

  /// Links object code, and finds its function.
  func add(_ object: [UInt8], named name: String) throws -> KernelFunction {
    try lock.withLock { _ in try link(object, name) }
  }

  private func link(_ object: [UInt8], _ name: String) throws -> KernelFunction {
    let buffer = object.withUnsafeBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        characters.baseAddress.map {
          llvm.functions.CreateMemoryBufferWithMemoryRangeCopy($0, characters.count, name)
        }
      }
    }
    guard let buffer else { throw llvm.failure(nil, "linking \(name), whose object is empty") }
    try llvm.check(
      llvm.functions.OrcLLJITAddObjectFile(session, library, buffer), "linking \(name)")
    var address: UInt64 = 0
    try llvm.check(llvm.functions.OrcLLJITLookup(session, &address, name), "finding \(name)")
    guard let pointer = UnsafeRawPointer(bitPattern: UInt(address)) else {
      throw llvm.failure(nil, "finding \(name)")
    }
    return unsafeBitCast(pointer, to: KernelFunction.self)
  }
}
