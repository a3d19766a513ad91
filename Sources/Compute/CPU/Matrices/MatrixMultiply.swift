import DeepEPSystemOneDNN

/// A matrix multiplication `left · right` over any number of batch dimensions, made once and called
/// often: left `[batch…, m, k]`, right `[batch…, k, n]`, result `[batch…, m, n]`.
///
/// Any strides do for batch dimensions; within matrices either the rows or the columns of an operand
/// must be contiguous, the rows of the result. A batch dimension of one is repeated. Strided views of
/// a larger buffer are as fast as contiguous operands (oneDNN then multiplies by its own GEMM), so
/// nothing is copied here.
package final class MatrixMultiply {
  /// The bytes of workspace that a call needs.
  package let workspaceBytes: Int
  /// oneDNN's name of the kernel it chose.
  package let kernel: String
  /// Whether oneDNN has no fast kernel for these operands on this processor, and runs a plain loop.
  package var isReference: Bool { kernel.hasPrefix("ref") }

  private let library: MatrixLibrary
  private let operands: [MatrixOperand]
  private let stepCount: Int
  /// Whether it is done before other threads have begun.
  private let isSmall: Bool
  private let handle: OpaquePointer

  /// Makes the multiplication; throws where shapes do not fit or oneDNN refuses the operands.
  ///
  /// - Parameter steps: What is done with each sum before it is written.
  package init(
    _ library: MatrixLibrary, left: MatrixOperand, right: MatrixOperand, result: MatrixOperand,
    steps: [MatrixStep] = []
  ) throws {
    self.library = library
    operands = [left, right, result]
    stepCount = steps.count
    try Self.check(operands, steps)
    let isSmall = Self.flops(left, result) < Self.smallFlops
    self.isSmall = isSmall
    handle = try library.pool.withLibraries(onCallingThread: isSmall) {
      try Self.make(library, [left, right, result], steps)
    }
    workspaceBytes = Int(deepep_matmul_workspace_bytes(handle))
    kernel = String(cString: deepep_matmul_kernel(handle))
  }

  deinit { deepep_matmul_destroy(handle) }

  /// Multiplies; the workspace has `workspaceBytes` bytes, aligned to 64.
  ///
  /// - Parameter stepOperands: An address for each step; none is read for one that accumulates.
  package func execute(
    left: UnsafeMutableRawPointer, right: UnsafeMutableRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer?,
    stepOperands: UnsafePointer<UnsafeMutableRawPointer?>? = nil
  ) throws {
    guard stepOperands != nil || stepCount == 0 else {
      throw MatrixError(
        "operands of the steps are missing", operands, fix: "pass one for each step")
    }
    let status = library.pool.withLibraries(onCallingThread: isSmall) {
      deepep_matmul_execute(handle, left, right, result, workspace, stepOperands)
    }
    guard status == 0 else {
      throw MatrixError(
        "oneDNN fails with status \(status)", operands, fix: "check that there is enough memory")
    }
  }

  /// What a core does in about two microseconds.
  private static let smallFlops = 1 << 18

  private static func flops(_ left: MatrixOperand, _ result: MatrixOperand) -> Int {
    2 * left.columns * result.shape.reduce(1, *)
  }

  private static func make(
    _ library: MatrixLibrary, _ operands: [MatrixOperand], _ steps: [MatrixStep]
  ) throws -> OpaquePointer {
    let described = try operands.map { operand in
      guard let described = operand.described else {
        throw MatrixError(
          "oneDNN does not multiply \(operand.element.rawValue)", operands,
          fix: "convert to float32 or bfloat16 first")
      }
      return described
    }
    let message = MessageBuffer()
    let describedSteps = steps.compactMap(\.described)
    let made = described.withUnsafeBufferPointer { all in
      all.baseAddress.flatMap {
        deepep_matmul_create(
          library.handle, $0, $0 + 1, $0 + 2, describedSteps, Int32(describedSteps.count),
          message.start, message.byteCount)
      }
    }
    guard let made else {
      throw MatrixError(
        "oneDNN refuses the operands: \(message.text)", operands,
        fix: "copy the operand with the unusual strides into row-major memory")
    }
    return made
  }

  private static func check(_ operands: [MatrixOperand], _ steps: [MatrixStep]) throws {
    let (left, right, result) = (operands[0], operands[1], operands[2])
    let ranks = Set(operands.flatMap { [$0.shape.count, $0.strides.count] })
    guard let rank = ranks.first, ranks.count == 1, (2...6).contains(rank) else {
      throw MatrixError(
        "operands have different numbers of dimensions, or not two to six", operands,
        fix: "reshape them to the same number")
    }
    let repeats = { (operand: MatrixOperand) in
      zip(operand.batch, result.batch).allSatisfy { $0 == 1 || $0 == $1 }
    }
    guard left.columns == right.rows, left.rows == result.rows, right.columns == result.columns,
      repeats(left), repeats(right)
    else {
      throw MatrixError(
        "shapes do not fit", operands,
        fix: "left [batch…, m, k] times right [batch…, k, n] gives [batch…, m, n]")
    }
    let isSpread = { (step: MatrixStep) in
      guard let operand = step.operand else { return true }
      return operand.shape.count == rank
        && zip(operand.shape, result.shape).allSatisfy { $0 == 1 || $0 == $1 }
    }
    guard steps.count <= MatrixStep.limit, steps.allSatisfy(isSpread),
      steps.allSatisfy({ $0.described != nil })
    else {
      throw MatrixError(
        "steps do not fit the result: \(steps)", operands,
        fix: "take at most \(MatrixStep.limit), each with the result's dimensions or ones")
    }
  }
}
