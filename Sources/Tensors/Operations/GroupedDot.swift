import DeepEPElements

/// A matrix product in which groups of rows have matrices of their own, as tokens have experts.
///
/// Operands: rows `[m, k]`, int32 sizes `[groups]`, and matrices `[groups, k, n]`. The first `sizes[0]`
/// rows are multiplied by the first matrix, and so on. Result: `[m, n]`; rows past the last group are
/// zero. A negative size counts as zero.
package struct GroupedDot: Operation {
  package var name: String { "groupedDot" }
  package var combination: Reduction? { .sum }

  package init() {}

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 3)
    let (rows, sizes, matrices) = (operands[0], operands[1], operands[2])
    guard rows.rank == 2, matrices.rank == 3, matrices.element == rows.element,
      matrices.shape[1] == rows.shape[1]
    else {
      throw ShapeError(
        name, "needs rows [m, k] and matrices [groups, k, n], got \(rows) and \(matrices)")
    }
    try expectSizes(sizes, groups: matrices.dimensions[0])
    var result = rows
    result.dimensions[1] = matrices.dimensions[2]
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = GroupedFactors(operands[0].shape, operands[2].shape)
    return loops.factors([loops.left, loops.sizes, loops.matrices], loops.right)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (k, n) = (operands[2].shape[1], operands[2].shape[2])
    let owners = groups(of: operands[0].shape[0], operands[1])
    return [
      sumOfProducts(operands[0], operands[2], types[0]) { visit in
        for (row, group) in owners.enumerated() {
          for inner in 0..<k {
            for column in 0..<n {
              visit(row * n + column, row * k + inner, (group * k + inner) * n + column)
            }
          }
        }
      }
    ]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, sizes) = (context.operands[0], context.operands[1])
    switch operand {
    case 0:
      return context.gradient.groupedDot(context.operands[2].transposed([0, 2, 1]), sizes: sizes)
    case 2: return x.apply(GroupedDotWeightGradient(), sizes, context.gradient)
    default: return nil
    }
  }
}

/// The gradient of a ``GroupedDot`` by its matrices: for each group the product of its transposed rows
/// and the rows of the gradient.
///
/// Operands: rows `[m, k]`, int32 sizes `[groups]`, and the gradient `[m, n]`. Result: `[groups, k, n]`.
package struct GroupedDotWeightGradient: Operation {
  package var name: String { "groupedDotWeightGradient" }

  package init() {}

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 3)
    let (rows, sizes, gradient) = (operands[0], operands[1], operands[2])
    guard rows.rank == 2, gradient.rank == 2, gradient.element == rows.element,
      gradient.dimensions[0] == rows.dimensions[0], sizes.rank == 1
    else {
      throw ShapeError(name, "needs rows [m, k] and [m, n], got \(rows) and \(gradient)")
    }
    try expectSizes(sizes, groups: sizes.dimensions[0])
    var result = rows
    result.dimensions = [sizes.dimensions[0], rows.dimensions[1], gradient.dimensions[1]]
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = GroupedFactors(operands[0].shape, results[0].shape)
    return loops.factors([loops.left, loops.sizes, loops.right], loops.matrices)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (k, n) = (operands[0].shape[1], operands[2].shape[1])
    let owners = groups(of: operands[0].shape[0], operands[1])
    return [
      sumOfProducts(operands[0], operands[2], types[0]) { visit in
        for (row, group) in owners.enumerated() {
          for inner in 0..<k {
            for column in 0..<n {
              visit((group * k + inner) * n + column, row * k + inner, row * n + column)
            }
          }
        }
      }
    ]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, sizes, g) = (context.operands[0], context.operands[1], context.operands[2])
    switch operand {
    case 0: return g.groupedDot(context.gradient.transposed([0, 2, 1]), sizes: sizes)
    case 2: return x.groupedDot(context.gradient, sizes: sizes)
    default: return nil
    }
  }
}

extension Operation {
  /// Throws unless sizes are an int32 for each group.
  fileprivate func expectSizes(_ sizes: Type, groups: Dimension) throws {
    guard sizes.element == .int32, sizes.dimensions == [groups] else {
      throw ShapeError(name, "needs an int32 size for each of \(groups.size) groups, got \(sizes)")
    }
  }
}

/// The group of each row that has one.
private func groups(of rowCount: Int, _ sizes: HostArray) -> [Int] {
  var groups: [Int] = []
  for (group, size) in sizes.integers.enumerated() {
    let rest = Int64(rowCount - groups.count)
    groups += Array(repeating: group, count: Int(min(max(size, 0), rest)))
  }
  return groups
}

/// The factors of a grouped product: inner and outer columns can be cut, rows and groups cannot, as
/// sizes count the rows of all.
private struct GroupedFactors {
  let left = [[0], [1]]
  let right = [[0], [2]]
  let matrices = [[3], [1], [2]]
  let sizes = [[3]]
  private let all: Factors

  init(_ rows: [Int], _ matrices: [Int]) {
    all = Factors(
      sizes: [rows[0], rows[1], matrices[2], matrices[0]], operands: [], results: [], whole: [0],
      indexed: [3], flopsPerPoint: 2)
  }

  func factors(_ operands: [[[Int]]], _ result: [[Int]]) -> Factors {
    var factors = all
    factors.operands = operands
    factors.results = [result]
    return factors
  }
}
