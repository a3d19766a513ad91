import DeepEPElements
import DeepEPTargets
import DeepEPTensors

/// The processor as a device: oneDNN for contractions, LLVM for regions, one pool of threads.
///
/// Used by one thread.
package final class CPUDevice: Target {
  /// The pool that runs all kernels.
  package let pool: ThreadPool
  /// The processor.
  package let processor: Processor
  /// The compiler of regions.
  package let compiler: KernelCompiler
  private let contractions: ContractionWays
  private let table: MachineTable
  package let links: Links
  package let pairedElements: Set<ElementType>

  /// Opens the device.
  ///
  /// - Parameters:
  ///   - threadCount: The number of threads; by default all cores.
  ///   - kernels: Where compiled kernels are kept; by default the device has its own. What limits
  ///     their vectors limits all of the device.
  ///   - narrowUnits: The narrow floats that are multiplied without conversion; by default those that
  ///     the processor has units for.
  ///   - links: How ranks reach one another; by default through shared memory.
  ///   - inBlocks: Whether large contractions are cut into blocks, if the processor has vectors of 512
  ///     bits.
  /// - Throws: ``LibraryError`` if a library is missing.
  package init(
    threadCount: Int? = nil, kernels: KernelLibrary? = nil, narrowUnits: Set<ElementType>? = nil,
    links: Links? = nil, inBlocks: Bool = true
  ) throws {
    processor = Processor(vectors: kernels?.vectorLimit)
    pool = try ThreadPool(threadCount: threadCount ?? processor.logicalCoreCount)
    table = .cores(pool.threadCount)
    self.links = links ?? table.links
    compiler = try KernelCompiler(pool: pool, library: kernels)
    let units = narrowUnits ?? processor.narrowUnits
    pairedElements = compiler.hasPairedProducts ? units.intersection([.bfloat16]) : []
    contractions = try ContractionWays(
      pool: pool, narrowUnits: units, vectorLimit: kernels?.vectorLimit,
      inBlocks: inBlocks && processor.vectorClass != .avx2)
  }

  package func choice(
    for operation: any Operation, operands: [Type], results: [Type]
  ) throws -> KernelChoice {
    for type in operands + results where type.dimensions.contains(where: \.isBounded) {
      throw TargetError(operation: operation.name, problem: "\(type) has a bounded dimension")
    }
    var choice = table.choice(for: operation, operands: operands, results: results)
    switch operation {
    case is Region: return choice
    case let constant as Constant where constant.splat == nil: return choice
    case let contraction as Contraction:
      let way = contractions.way(contraction, operands, results)
      choice.kernel = way.kernel
      choice.workspaceBytes = way.workspaceBytes
      return choice
    default:
      guard InterpretedKernel.runs(operation) else {
        throw TargetError(
          operation: operation.name,
          problem: "the processor has no kernel for it; fuse the program first")
      }
      choice.kernel = "plain \(operation.name)"
      choice.overwritable = InterpretedKernel.overwritableOperands(operands, results)
      return choice
    }
  }

  // MARK: Kernels

  /// The kernels of instructions, compiled together.
  package func kernels(_ requests: [KernelRequest]) throws -> [any Kernel] {
    let drafts = try requests.map(draft)
    var functions = try compiler.compile(drafts.flatMap(\.sources))[...]
    return drafts.map { draft in
      let own = functions.prefix(draft.sources.count)
      functions = functions.dropFirst(draft.sources.count)
      return draft.kernel(Array(own))
    }
  }

  /// A kernel that waits for its code.
  private struct Draft {
    var sources: [KernelSource] = []
    let kernel: ([KernelFunction]) -> any Kernel
  }

  private func draft(_ request: KernelRequest) throws -> Draft {
    switch request.operation {
    case let constant as Constant: return Draft { _ in ConstantKernel(constant) }
    case let region as Region: return try draft(region, request)
    case let contraction as Contraction: return try draft(contraction, request)
    default: return Draft { _ in InterpretedKernel(request) }
    }
  }

  private func draft(_ region: Region, _ request: KernelRequest) throws -> Draft {
    let source = try compiler.source(
      region, operandTypes: request.operandTypes, sharedBuffers: request.overwrites)
    return Draft(sources: [source]) { [pool] in
      RegionKernel(function: $0[0], region: region, byteCount: request.byteCount, pool: pool)
    }
  }

  private func draft(_ contraction: Contraction, _ request: KernelRequest) throws -> Draft {
    let (operands, results) = (request.operandTypes, request.resultTypes)
    switch contractions.way(contraction, operands, results) {
    case .direct(let multiply):
      return Draft { _ in ContractionKernel(contraction, multiply, operands[0], results[0]) }
    case .plain:
      let region = contraction.plainRegion(operand: operands[0].element, result: results[0])
      return try draft(region, request)
    case .staged(let staged, let multiply): return try draft(staged, multiply, request)
    }
  }

  private func draft(
    _ staged: StagedContraction, _ multiply: BlockedMultiply, _ request: KernelRequest
  ) throws -> Draft {
    let finish = staged.finish(overwritesAddend: request.overwrites[0] == 2)
    let (copies, types) = (staged.copies, staged.factorTypes)
    let stages = copies + (finish.map { [$0] } ?? [])
    let sources = try stages.map {
      try compiler.source($0.region, operandTypes: $0.operandTypes, sharedBuffers: $0.overwrites)
    }
    return Draft(sources: sources) { [pool] functions in
      let kernels = zip(functions, stages).map { function, stage in
        RegionKernel(
          function: function, region: stage.region, byteCount: stage.byteCount, pool: pool)
      }
      return StagedKernel(
        copies: Array(kernels.prefix(copies.count)),
        product: ContractionKernel(staged.product, multiply, types[0], staged.sumType),
        finish: finish == nil ? nil : kernels.last, operandCount: request.operandTypes.count,
        sumsAreInResult: staged.sumsAreInResult,
        offsets: staged.offsets(productWorkspaceBytes: multiply.workspaceBytes))
    }
  }
}

extension Dimension {
  fileprivate var isBounded: Bool {
    if case .bounded = self { true } else { false }
  }
}
