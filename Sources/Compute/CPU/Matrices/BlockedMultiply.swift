import DeepEPElements

/// A matrix multiplication in blocks, one after another, so that what they read and write stays in the
/// caches; often there is only one.
///
/// The operands of steps have the result's columns, and its rows or one.
package struct BlockedMultiply {
  /// A block, and where in the buffers it begins, in bytes.
  private struct Part {
    let multiply: MatrixMultiply
    let leftOffset: Int
    let rightOffset: Int
    let resultOffset: Int
    /// The operand of each step; nil for one that accumulates.
    let steps: [(operand: Int, offset: Int)?]
  }

  private var parts: [Part] = []
  /// The bytes of workspace that a call needs.
  package var workspaceBytes: Int { parts.map(\.multiply.workspaceBytes).max() ?? 0 }
  /// oneDNN's name of the kernel it chose for the first block.
  var kernel: String { parts.first?.multiply.kernel ?? "" }
  /// Whether oneDNN has no fast kernel for some block.
  var isReference: Bool { parts.contains { $0.multiply.isReference } }
  /// The number of blocks.
  package var count: Int { parts.count }

  /// Makes the multiplication; throws where shapes do not fit or oneDNN refuses the operands.
  ///
  /// - Parameters:
  ///   - steps: What is done with each sum before it is written.
  ///   - blocks: The size of a block.
  package init(
    _ library: MatrixLibrary, left: MatrixOperand, right: MatrixOperand, result: MatrixOperand,
    steps: [MatrixStep], blocks: MatrixBlocks
  ) throws {
    let areas = MatrixBlocks.ranges(left.rows, blocks.rows).flatMap { rows in
      MatrixBlocks.ranges(right.columns, blocks.columns).map { (rows, $0) }
    }
    let places = areas.flatMap { rows, columns in
      MatrixBlocks.ranges(left.columns, blocks.depth).map { depth in
        Place(rows: rows, columns: columns, depth: depth, depthCount: left.columns)
      }
    }
    var known: [Block: MatrixMultiply] = [:]
    for place in places {
      let block = place.block(left, right, result, steps)
      let multiply =
        try known[block]
        ?? MatrixMultiply(
          library, left: block.left, right: block.right, result: block.result, steps: block.steps)
      known[block] = multiply
      let (row, column) = (place.rows.lowerBound, place.columns.lowerBound)
      let inner = place.depth.lowerBound
      parts.append(
        Part(
          multiply: multiply, leftOffset: left.offsetBytes(row, inner),
          rightOffset: right.offsetBytes(inner, column),
          resultOffset: result.offsetBytes(row, column), steps: place.operands(of: steps)))
    }
  }

  /// Multiplies; the workspace has `workspaceBytes` bytes, aligned to 64.
  ///
  /// - Parameter stepOperands: An address for each step; none is read for one that accumulates.
  package func execute(
    left: UnsafeMutableRawPointer, right: UnsafeMutableRawPointer,
    result: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer?,
    stepOperands: UnsafePointer<UnsafeMutableRawPointer?>
  ) throws {
    for part in parts {
      let operands = part.steps.map { step in
        step.flatMap { place in stepOperands[place.operand].map { $0 + place.offset } }
      }
      try operands.withUnsafeBufferPointer { operands in
        try part.multiply.execute(
          left: left + part.leftOffset, right: right + part.rightOffset,
          result: result + part.resultOffset, workspace: workspace,
          stepOperands: operands.baseAddress)
      }
    }
  }
}

/// What makes two blocks run by the same kernel.
private struct Block: Hashable {
  let left: MatrixOperand
  let right: MatrixOperand
  let result: MatrixOperand
  let steps: [MatrixStep]
}

/// Which block it is.
private struct Place {
  let rows: Range<Int>
  let columns: Range<Int>
  let depth: Range<Int>
  let depthCount: Int

  private var isFirst: Bool { depth.lowerBound == 0 }
  private var isLast: Bool { depth.upperBound == depthCount }

  func block(
    _ left: MatrixOperand, _ right: MatrixOperand, _ result: MatrixOperand, _ steps: [MatrixStep]
  ) -> Block {
    let own = steps.map { step in step.mapping { $0.part(spread($0, rows), columns) } }
    return Block(
      left: left.part(rows, depth), right: right.part(depth, columns),
      result: result.part(rows, columns),
      steps: self.steps(of: steps, own, accumulate: .accumulate))
  }

  /// For each step of the block which operand it takes, and from where; nil if it accumulates.
  func operands(of all: [MatrixStep]) -> [(operand: Int, offset: Int)?] {
    let own: [(operand: Int, offset: Int)?] = all.enumerated().map { index, step in
      step.operand.map {
        (index, $0.offsetBytes(spread($0, rows).lowerBound, columns.lowerBound))
      }
    }
    return steps(of: all, own, accumulate: nil)
  }

  /// The rows of a step's operand; a single one is repeated.
  private func spread(_ operand: MatrixOperand, _ rows: Range<Int>) -> Range<Int> {
    operand.rows == 1 ? 0..<1 : rows
  }

  /// The first block of the depth begins as the whole does, others add to it; the last one does the
  /// rest.
  private func steps<Step>(of all: [MatrixStep], _ own: [Step], accumulate: Step) -> [Step] {
    let accumulates = all.first == .accumulate
    let rest = own.dropFirst(accumulates ? 1 : 0)
    return (accumulates || !isFirst ? [accumulate] : []) + (isLast ? rest : [])
  }
}

extension MatrixOperand {
  /// The part with some rows and columns.
  fileprivate func part(_ rows: Range<Int>, _ columns: Range<Int>) -> MatrixOperand {
    MatrixOperand(batch + [rows.count, columns.count], strides: strides, element)
  }

  fileprivate func offsetBytes(_ row: Int, _ column: Int) -> Int {
    let (rowStride, columnStride) = (strides[strides.count - 2], strides[strides.count - 1])
    return (row * rowStride + column * columnStride) * element.byteCount
  }
}

extension MatrixStep {
  fileprivate func mapping(_ change: (MatrixOperand) -> MatrixOperand) -> MatrixStep {
    switch self {
    case .accumulate: .accumulate
    case .add(let operand): .add(change(operand))
    case .multiply(let operand): .multiply(change(operand))
    }
  }
}
