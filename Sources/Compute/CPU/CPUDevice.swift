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
  package let processor = Processor()
  /// The compiler of regions.
  package let compiler: KernelCompiler
  private let matrices: MatrixLibrary
  private var multiplications: [ContractionKey: MatrixMultiply?] = [:]
  private let table = MachineTable.twoCores
  package var links: Links { table.links }

  /// Opens the device.
  ///
  /// - Parameters:
  ///   - threadCount: The number of threads; by default all cores.
  ///   - kernels: Where compiled kernels are kept; by default the device has its own.
  /// - Throws: ``LibraryError`` if a library is missing.
  package init(threadCount: Int? = nil, kernels: KernelLibrary? = nil) throws {
    pool = try ThreadPool(threadCount: threadCount ?? processor.logicalCoreCount)
    compiler = try KernelCompiler(pool: pool, library: kernels)
    matrices = try MatrixLibrary(pool: pool)
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
      if let multiply = multiplication(contraction, operands, results) {
        choice.kernel = "oneDNN \(multiply.kernel)"
        choice.workspaceBytes = multiply.workspaceBytes
      } else {
        choice.kernel = "plain contraction"
      }
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

  /// The kernels of instructions, compiled together.
  package func kernels(_ requests: [KernelRequest]) throws -> [any Kernel] {
    var kernels: [(any Kernel)?] = []
    var sources: [(index: Int, source: KernelSource, region: Region)] = []
    for (index, request) in requests.enumerated() {
      let ready = readyKernel(request)
      kernels.append(ready)
      if ready == nil, let region = region(request) {
        let source = try compiler.source(
          region, operandTypes: request.operandTypes, sharedBuffers: request.overwrites)
        sources.append((index, source, region))
      }
    }
    let functions = try compiler.compile(sources.map(\.source))
    for (source, function) in zip(sources, functions) {
      let bytes = requests[source.index].byteCount
      kernels[source.index] = RegionKernel(
        function: function, count: source.region.parallel.reduce(1, *), isSmall: bytes < 16384,
        pool: pool)
    }
    return kernels.compactMap { $0 }
  }

  private func readyKernel(_ request: KernelRequest) -> (any Kernel)? {
    switch request.operation {
    case let constant as Constant: ConstantKernel(constant)
    case let contraction as Contraction:
      multiplication(contraction, request.operandTypes, request.resultTypes).map {
        ContractionKernel(
          contraction: contraction, multiply: $0, element: request.resultTypes[0].element)
      }
    case let operation where InterpretedKernel.runs(operation): InterpretedKernel(request)
    default: nil
    }
  }

  private func region(_ request: KernelRequest) -> Region? {
    switch request.operation {
    case let region as Region: region
    case let contraction as Contraction: contraction.plainRegion(result: request.resultTypes[0])
    default: nil
    }
  }

  private struct ContractionKey: Hashable {
    let contraction: Contraction
    let operands: [Type]
  }

  /// oneDNN's kernel for a contraction; nil if it has none that is fast.
  private func multiplication(
    _ contraction: Contraction, _ operands: [Type], _ results: [Type]
  ) -> MatrixMultiply? {
    let key = ContractionKey(contraction: contraction, operands: operands)
    if let known = multiplications[key] { return known }
    var made: MatrixMultiply?
    if let form = MatrixForm(contraction, element: results[0].element) {
      made = try? MatrixMultiply(matrices, left: form.left, right: form.right, result: form.result)
      if made?.isReference ?? false { made = nil }
    }
    multiplications[key] = .some(made)
    return made
  }
}

extension Dimension {
  fileprivate var isBounded: Bool {
    if case .bounded = self { true } else { false }
  }
}
