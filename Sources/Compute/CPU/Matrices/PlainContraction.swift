import DeepEPElements
import DeepEPTensors

extension Contraction {
  /// The contraction as a loop nest: for element types and strides that no library multiplies.
  func plainRegion(result: Type) -> Region {
    let summed = Set(dot.left).subtracting(dot.result).sorted()
    let variables = Dictionary(
      uniqueKeysWithValues: (dot.result + summed).enumerated().map { ($1, $0) })
    let sizes = Dictionary(
      zip(dot.left + dot.right, left.shape + right.shape), uniquingKeysWith: { size, _ in size })
    let first = dot.result.count
    var body: [Statement] = [
      .define(0, result.element, .load(access(0, dot.left, left, variables))),
      .define(1, result.element, .load(access(1, dot.right, right, variables))),
      .define(2, result.element, .binary(.multiply, 0, 1)), .accumulate(accumulator: 3, 2),
    ]
    for (depth, label) in summed.enumerated().reversed() {
      let own = depth == 0 ? [Accumulator(3, result.element, .sum)] : []
      body = [
        .loop(Loop(first + depth, extent: sizes[label] ?? 1, accumulators: own, body: body))
      ]
    }
    if summed.isEmpty { body.removeLast() }
    let place = View(result.shape)
    let store = access(0, dot.result, place, variables).index
    body.append(.store(Access(.result(0), store), summed.isEmpty ? 2 : 3))
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
