import DeepEPElements
import DeepEPTensors

/// A contraction as a multiplication of matrices with batch dimensions.
///
/// Labels that both operands and the result have are batch dimensions; the others become rows,
/// columns, and the inner dimension, merged where they lie behind one another in memory. Rows or
/// columns that do not merge become batch dimensions along which the other operand is repeated.
struct MatrixForm {
  private(set) var left: MatrixOperand
  private(set) var right: MatrixOperand
  private(set) var result: MatrixOperand
  /// What is done with the sums.
  private(set) var steps: [MatrixStep]
  /// Whether the contraction's right operand is the left matrix.
  let isSwapped: Bool

  /// Whether oneDNN can be asked for the steps: operands have a row, or the shape, of a single matrix.
  ///
  /// With batch dimensions that are not the outer ones in memory, kernels of oneDNN 3.2 read such
  /// operands at wrong addresses.
  var stepsAreSafe: Bool {
    let operands = steps.compactMap(\.operand)
    return operands.allSatisfy {
      result.batch.isEmpty && $0.columns == result.columns && [1, result.rows].contains($0.rows)
    }
  }

  /// Whether a loop nest reads a large matrix once and in order, to multiply it by a single row or column:
  /// then the bandwidth of memory is the limit, of which oneDNN uses a third.
  var isReadOnce: Bool {
    let size = left.columns * max(left.rows, right.columns)
    guard result.batch.isEmpty, size >= 1 << 16 else { return false }
    return left.rows == 1 && right.strides[0] == 1 || right.columns == 1 && left.strides[1] == 1
  }

  /// Nil if the contraction has no such form.
  init?(_ contraction: Contraction, _ operand: ElementType, result element: ElementType) {
    let dot = contraction.dot
    var sizes: [Int: Int] = [:]
    for (labels, view) in [(dot.left, contraction.left), (dot.right, contraction.right)] {
      for (label, size) in zip(labels, view.shape) { sizes[label] = size }
    }
    let shape = dot.result.map { sizes[$0] ?? 1 }
    let result = Walk(dot.result, rowMajorStrides(shape), sizes)
    let left = Walk(dot.left, contraction.left.strides, sizes)
    let right = Walk(dot.right, contraction.right.strides, sizes)
    let elements = Elements(operand: operand, sum: dot.element ?? operand, result: element)
    let steps = contraction.epilogue.compactMap { Step($0, dot.result, sizes) }
    if let form = MatrixForm(left, right, result, steps, elements, isSwapped: false) {
      self = form
    } else if let form = MatrixForm(right, left, result, steps, elements, isSwapped: true) {
      self = form
    } else {
      return nil
    }
  }

  /// The types of each operand's, step's and the result's elements.
  private struct Elements {
    let operand: ElementType
    let sum: ElementType
    let result: ElementType
  }

  /// A step of the epilogue with the loops that its operand has.
  private struct Step {
    let step: EpilogueStep
    let walk: Walk

    /// Nil if it has no operand.
    init?(_ step: EpilogueStep, _ result: [Int], _ sizes: [Int: Int]) {
      guard let dimensions = step.combination(rank: result.count)?.dimensions else { return nil }
      let labels = dimensions.map { result[$0] }
      self.step = step
      walk = Walk(labels, rowMajorStrides(labels.map { sizes[$0] ?? 1 }), sizes)
    }

    func matrixStep(_ operand: (Walk) -> MatrixOperand) -> MatrixStep {
      switch step {
      case .accumulate, .convert: .accumulate
      case .add: .add(operand(walk))
      case .multiply: .multiply(operand(walk))
      }
    }
  }

  private init?(
    _ left: Walk, _ right: Walk, _ result: Walk, _ steps: [Step], _ elements: Elements,
    isSwapped: Bool
  ) {
    // A dimension of one element is no loop, whatever its stride.
    let loops = { (walk: Walk) in walk.labels.filter { walk.size($0) != 1 } }
    let rows = loops(left).filter { !right.has($0) }.sorted(by: result.isOutside)
    let columns = loops(right).filter { !left.has($0) }.sorted(by: result.isOutside)
    let inner = loops(left).filter { right.has($0) && !result.has($0) }.sorted(by: left.isOutside)
    let shared = loops(result).filter { left.has($0) && right.has($0) }
    let walks = [result] + steps.map(\.walk)
    let (row, extraRows) = Walk.merged(rows, [left] + walks)
    let (column, extraColumns) = Walk.merged(columns, [right] + walks)
    let (depth, extraDepth) = Walk.merged(inner, [left, right])
    guard extraDepth.isEmpty else { return nil }
    let batch = shared + extraRows + extraColumns
    self.left = left.operand(batch: batch, row, depth, elements.operand)
    self.right = right.operand(batch: batch, depth, column, elements.operand)
    self.result = result.operand(batch: batch, row, column, elements.result)
    self.steps = steps.map { step in
      step.matrixStep { $0.operand(batch: batch, row, column, elements.sum) }
    }
    self.isSwapped = isSwapped
    let isContiguous = { (operand: MatrixOperand) in operand.strides.suffix(2).contains(1) }
    guard batch.count <= 4, self.result.strides.last == 1, isContiguous(self.left),
      isContiguous(self.right)
    else { return nil }
  }
}

/// The labels of an operand with their sizes and strides.
private struct Walk {
  let labels: [Int]
  private let strides: [Int: Int]
  private let sizes: [Int: Int]

  init(_ labels: [Int], _ strides: [Int], _ sizes: [Int: Int]) {
    self.labels = labels
    self.strides = Dictionary(uniqueKeysWithValues: zip(labels, strides))
    self.sizes = sizes
  }

  func has(_ label: Int) -> Bool { strides[label] != nil }
  func size(_ label: Int) -> Int { sizes[label] ?? 1 }
  private func stride(_ label: Int) -> Int { strides[label] ?? 0 }

  /// Whether one label varies more slowly in memory than another.
  func isOutside(_ label: Int, _ other: Int) -> Bool { stride(label) > stride(other) }

  /// The innermost labels that all walks step through as one dimension, and the labels before them.
  static func merged(_ labels: [Int], _ walks: [Walk]) -> (merged: [Int], extra: [Int]) {
    guard var first = labels.indices.last else { return ([], []) }
    while first > 0,
      walks.allSatisfy({
        $0.stride(labels[first - 1]) == $0.stride(labels[first]) * $0.size(labels[first])
      })
    {
      first -= 1
    }
    return (Array(labels[first...]), Array(labels[..<first]))
  }

  /// The walk as a matrix with batch dimensions.
  func operand(
    batch: [Int], _ rows: [Int], _ columns: [Int], _ element: ElementType
  ) -> MatrixOperand {
    let outer = batch.map { has($0) ? (size($0), stride($0)) : (1, 0) }
    var (row, column) = (merged(rows), merged(columns))
    // The stride of a dimension of one element means nothing: choose the one that is contiguous, or
    // one that does not overlap the other dimension.
    if column.size == 1, column.stride != 1 { column.stride = row.stride == 1 ? row.size : 1 }
    if row.size == 1 { row.stride = column.stride == 1 ? max(1, column.size) : 1 }
    let dimensions = outer + [(row.size, row.stride), (column.size, column.stride)]
    return MatrixOperand(
      dimensions.map(\.0), strides: dimensions.map { $0.0 == 1 && $0.1 == 0 ? 1 : $0.1 }, element)
  }

  /// Several labels as one dimension; of one element if the operand has none of them.
  private func merged(_ labels: [Int]) -> (size: Int, stride: Int) {
    let own = labels.filter(has)
    return (own.reduce(1) { $0 * size($1) }, own.last.map(stride) ?? 0)
  }
}
