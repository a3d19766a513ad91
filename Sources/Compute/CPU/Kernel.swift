import DeepEPElements
import DeepEPTensors

/// What a device is asked to run.
package struct KernelRequest {
  package var operation: any Operation
  package var operandTypes: [Type]
  package var resultTypes: [Type]
  /// Results that take an operand's memory: result to operand.
  package var overwrites: [Int: Int]

  package init(
    operation: any Operation, operandTypes: [Type], resultTypes: [Type],
    overwrites: [Int: Int] = [:]
  ) {
    self.operation = operation
    self.operandTypes = operandTypes
    self.resultTypes = resultTypes
    self.overwrites = overwrites
  }

  var byteCount: Int { (operandTypes + resultTypes).reduce(0) { $0 + $1.byteCount } }
}

/// Something that a device runs, made once and called often.
package protocol Kernel {
  /// Runs on buffers: operands in order, then results, then the workspace if there is one.
  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) throws
}

/// A compiled loop nest.
struct RegionKernel: Kernel {
  let function: KernelFunction
  /// The number of parallel iterations.
  let count: Int
  /// Whether waking other threads costs more than it saves.
  let isSmall: Bool
  let pool: ThreadPool

  /// A kernel for a region that reads and writes a number of bytes.
  init(function: @escaping KernelFunction, region: Region, byteCount: Int, pool: ThreadPool) {
    self.function = function
    self.pool = pool
    count = region.parallel.reduce(1, *)
    isSmall = byteCount < 16384
  }

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) {
    pool.run(function, buffers, count: count, onCallingThread: isSmall)
  }
}

/// A multiplication of matrices seen through views, with its epilogue.
struct ContractionKernel: Kernel {
  private let multiply: BlockedMultiply
  private let isSwapped: Bool
  private let offsetBytes: [Int]
  private let operandCount: Int
  /// The size of what the product is added to; nil if it is not.
  private let addendBytes: Int?

  init(_ contraction: Contraction, _ multiply: BlockedMultiply, _ operand: Type, _ result: Type) {
    self.multiply = multiply
    operandCount = 2 + contraction.epilogue.operandCount
    addendBytes = contraction.epilogue.first == .accumulate ? result.byteCount : nil
    let form = MatrixForm(contraction, operand.element, result: result.element)
    isSwapped = form?.isSwapped ?? false
    offsetBytes = [contraction.left, contraction.right].map {
      $0.offset * operand.element.byteCount
    }
  }

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) throws {
    guard let left = buffers[0], let right = buffers[1], let result = buffers[operandCount] else {
      return
    }
    if let addendBytes, let addend = buffers[2], addend != result {
      result.copyMemory(from: addend, byteCount: addendBytes)
    }
    let workspace = multiply.workspaceBytes > 0 ? buffers[operandCount + 1] : nil
    let (first, second) = (left + offsetBytes[0], right + offsetBytes[1])
    try multiply.execute(
      left: isSwapped ? second : first, right: isSwapped ? first : second, result: result,
      workspace: workspace, stepOperands: buffers + 2)
  }
}

/// Numbers that are known when the program is built.
struct ConstantKernel: Kernel {
  private let bytes: [UInt8]

  init(_ constant: Constant) {
    bytes = HostArray(constant.type.element, constant.type.shape, constant.numbers).bytes
  }

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) {
    bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      buffers[0]?.copyMemory(from: start, byteCount: source.count)
    }
  }
}
