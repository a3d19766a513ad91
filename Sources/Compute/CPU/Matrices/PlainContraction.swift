import DeepEPElements
import DeepEPTensors

extension Contraction {
  /// The contraction as a loop nest: for element types and strides that no library multiplies.
  func plainRegion(operand: ElementType, result: Type) -> Region {
    let summed = Set(dot.left).subtracting(dot.result).sorted()
    let variables = Dictionary(
      uniqueKeysWithValues: (dot.result + summed).enumerated().map { ($1, $0) })
    let sizes = Dictionary(
      zip(dot.left + dot.right, left.shape + right.shape), uniquingKeysWith: { size, _ in size })
    let first = dot.result.count
    // Products and sums of narrow floats are float32, and the sum is rounded once for the epilogue.
    let sum = operand.isNarrowFloat ? .float32 : operand
    var body: [Statement] = [
      .define(0, operand, .load(access(0, dot.left, left, variables))),
      .define(1, operand, .load(access(1, dot.right, right, variables))),
      .define(2, sum, .convert(0)), .define(3, sum, .convert(1)),
      .define(4, sum, .binary(.multiply, 2, 3)), .accumulate(accumulator: 5, 4),
    ]
    for (depth, label) in summed.enumerated().reversed() {
      let own = depth == 0 ? [Accumulator(5, sum, .sum)] : []
      body = [
        .loop(Loop(first + depth, extent: sizes[label] ?? 1, accumulators: own, body: body))
      ]
    }
    if summed.isEmpty { body.removeLast() }
    let total = dot.element ?? operand
    body.append(.define(6, total, .convert(summed.isEmpty ? 4 : 5)))
    let place = result.shape.indices.map { $0 }
    body += finish(6, total, result, place: place, firstOperand: 2)
    return Region(resultTypes: [result], parallel: result.shape, body: body)
  }

  /// The epilogue alone as a loop nest: the first operand has the sums, the others are those of the steps.
  ///
  /// - Parameter sum: The element type of the sums, in which the steps are computed.
  func epilogueRegion(sum: ElementType, result: Type) -> Region {
    let place = result.shape.indices.map { $0 }
    let index = Index(
      terms: zip(place, rowMajorStrides(result.shape)).map { IndexTerm($0, stride: $1) })
    let body: [Statement] = [.define(0, sum, .load(Access(.operand(0), index)))]
    return Region(
      resultTypes: [result], parallel: result.shape,
      body: body + finish(0, sum, result, place: place, firstOperand: 1)
    ).mergingParallelLoops()
  }

  /// The steps of the epilogue from a register with a sum, and the store of what they make of it.
  private func finish(
    _ register: Register, _ sum: ElementType, _ result: Type, place: [LoopVariable],
    firstOperand: Int
  ) -> [Statement] {
    var (body, value, operand): ([Statement], Register, Int) = ([], register, firstOperand)
    let index = { (dimensions: [Int]) in
      let strides = rowMajorStrides(dimensions.map { result.shape[$0] })
      return Index(terms: zip(dimensions, strides).map { IndexTerm(place[$0], stride: $1) })
    }
    for step in epilogue {
      guard let (function, dimensions) = step.combination(rank: result.rank) else { continue }
      body.append(.define(value + 1, sum, .load(Access(.operand(operand), index(dimensions)))))
      body.append(.define(value + 2, sum, .binary(function, value + 1, value)))
      (value, operand) = (value + 2, operand + 1)
    }
    body.append(.define(value + 1, result.element, .convert(value)))
    return body + [.store(Access(.result(0), index(Array(place))), value + 1)]
  }

  private func access(
    _ operand: Int, _ labels: [Int], _ view: View, _ variables: [Int: LoopVariable]
  ) -> Access {
    let terms = zip(labels, view.strides).compactMap { label, stride in
      variables[label].map { IndexTerm($0, stride: stride) }
    }
    return Access(.operand(operand), Index(offset: view.offset, terms: terms))
  }
}
