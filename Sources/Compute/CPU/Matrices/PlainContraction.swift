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
    // Products and sums of narrow floats are float32, and the sum is rounded once.
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
    let place = View(result.shape)
    let store = access(0, dot.result, place, variables).index
    body.append(.define(6, result.element, .convert(summed.isEmpty ? 4 : 5)))
    if hasAddend {
      body.append(.define(7, result.element, .load(Access(.operand(2), store))))
      body.append(.define(8, result.element, .binary(.add, 7, 6)))
    }
    body.append(.store(Access(.result(0), store), hasAddend ? 8 : 6))
    return Region(resultTypes: [result], parallel: result.shape, body: body)
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
