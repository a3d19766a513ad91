import DeepEPSystemLLVM

/// Turns kernels' text into object code for this machine; one per thread.
final class ObjectCompiler {
  private let llvm: LLVMLibrary
  private let context: LLVMContextRef
  private let machine: LLVMTargetMachineRef
  private let layout: LLVMTargetDataRef
  private let options: LLVMPassBuilderOptionsRef

  /// What makes loops fast, and no more: kernels have no calls, no exceptions and no globals.
  static let passes =
    "function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),loop-vectorize,"
    + "early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm))"

  // Default optimisation, position-independent code, the model for code made at run time.
  private static let machineOptions: (level: Int32, relocation: Int32, codeModel: Int32) = (2, 2, 1)

  /// What object code depends on beside a kernel's text.
  static func identity(_ llvm: LLVMLibrary) -> String {
    let parts = [
      llvm.version, llvm.triple, llvm.processorName, llvm.processorFeatures, passes,
      "\(machineOptions)",
    ]
    return parts.joined(separator: "\n") + "\n"
  }

  init(_ llvm: LLVMLibrary) throws {
    self.llvm = llvm
    machine = try Self.makeMachine(llvm)
    let functions = llvm.functions
    context = functions.ContextCreate()
    layout = functions.CreateTargetDataLayout(machine)
    options = functions.CreatePassBuilderOptions()
  }

  deinit {
    let functions = llvm.functions
    functions.DisposePassBuilderOptions(options)
    functions.DisposeTargetData(layout)
    functions.DisposeTargetMachine(machine)
    functions.ContextDispose(context)
  }

  private static func makeMachine(_ llvm: LLVMLibrary) throws -> LLVMTargetMachineRef {
    var target: LLVMTargetRef?
    var message: UnsafeMutablePointer<CChar>?
    let status = llvm.functions.GetTargetFromTriple(llvm.triple, &target, &message)
    guard status == 0, let target else { throw llvm.failure(message, llvm.triple) }
    let machine = llvm.functions.CreateTargetMachine(
      target, llvm.triple, llvm.processorName, llvm.processorFeatures, machineOptions.level,
      machineOptions.relocation, machineOptions.codeModel)
    guard let machine else { throw llvm.failure(nil, "a target machine for \(llvm.triple)") }
    return machine
  }

  func compile(_ source: KernelSource) throws -> [UInt8] {
    let module = try parse(source)
    defer { llvm.functions.DisposeModule(module) }
    llvm.functions.SetTarget(module, llvm.triple)
    llvm.functions.SetModuleDataLayout(module, layout)
    let error = llvm.functions.RunPasses(module, Self.passes, machine, options)
    try llvm.check(error, "optimising \(source.name)")
    return try emit(module, source.name)
  }

  private func parse(_ source: KernelSource) throws -> LLVMModuleRef {
    let buffer = source.text.withCString {
      llvm.functions.CreateMemoryBufferWithMemoryRangeCopy(
        $0, source.text.utf8.count, source.name)
    }
    var module: LLVMModuleRef?
    var message: UnsafeMutablePointer<CChar>?
    let status = llvm.functions.ParseIRInContext(context, buffer, &module, &message)
    guard status == 0, let module else { throw llvm.failure(message, "parsing \(source.name)") }
    return module
  }

  private func emit(_ module: LLVMModuleRef, _ name: String) throws -> [UInt8] {
    var message: UnsafeMutablePointer<CChar>?
    var buffer: LLVMMemoryBufferRef?
    let objectFile: Int32 = 1
    let status = llvm.functions.TargetMachineEmitToMemoryBuffer(
      machine, module, objectFile, &message, &buffer)
    guard status == 0, let buffer else { throw llvm.failure(message, "generating \(name)") }
    defer { llvm.functions.DisposeMemoryBuffer(buffer) }
    let start = UnsafeRawPointer(llvm.functions.GetBufferStart(buffer))
    return Array(UnsafeRawBufferPointer(start: start, count: llvm.functions.GetBufferSize(buffer)))
  }
}
