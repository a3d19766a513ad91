import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Contractions with epilogues against the interpreter, in every element type and on every way that a
/// processor has for them.
@Suite struct EpilogueTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let notation: String
    let left: [Int]
    let right: [Int]
    let steps: [EpilogueStep]
    var testDescription: String { "\(notation) \(left) \(right) \(steps)" }

    init(_ notation: String, _ left: [Int], _ right: [Int], _ steps: EpilogueStep...) {
      (self.notation, self.left, self.right, self.steps) = (notation, left, right, steps)
    }
  }

  static let cases = [
    Case("ab,bc->ac", [7, 65], [65, 17], .add(along: [1])),
    Case("ab,cb->ac", [33, 9], [65, 9], .add(along: [1]), .multiply(along: [1])),
    Case("ab,cb->ca", [33, 9], [65, 9], .add(along: [1])),
    Case("abc,cd->abd", [3, 5, 64], [64, 31], .multiply(along: [2]), .add(along: [0, 1, 2])),
    Case("abc,cde->abde", [3, 5, 16], [16, 3, 8], .add(along: [2, 3])),
    Case("abc,cde->abde", [3, 5, 16], [16, 3, 8], .add(along: [3])),
    Case("abc,cd->abd", [3, 5, 16], [16, 8], .add(along: [0]), .add(along: [])),
    Case("ab,bc->ac", [1, 5], [5, 1], .add(along: [1])),
    Case("ab,bc->ac", [9, 5], [5, 1], .add(along: [0]), .add(along: [0, 1])),
    Case("bthd,bshd->bhts", [2, 7, 2, 9], [2, 5, 2, 9], .multiply(along: [1, 3])),
    Case("ab,bc->ac", [7, 65], [65, 17], .accumulate),
    Case("abc,cd->abd", [3, 5, 64], [64, 31], .accumulate, .add(along: [2])),
  ]

  private func check(
    _ test: Case, _ element: ElementType, rounding: ElementType? = nil, on device: CPUDevice
  ) throws {
    if test.steps.first == .accumulate, rounding != nil { return }
    let sum: ElementType = element == .float64 ? .float64 : .float32
    var dot = try #require(Dot(test.notation))
    dot.element = sum == element ? nil : sum
    let product = Contraction(dot: dot, left: View(test.left), right: View(test.right))
    var contraction = product
    contraction.epilogue = test.steps + (rounding.map { [.convert($0)] } ?? [])
    let factors = [(element, test.left), (element, test.right)]
    let shape = try product.resultTypes(of: factors.map { Type($0.0, $0.1) })[0].shape
    let added = test.steps.compactMap { $0.combination(rank: shape.count)?.dimensions }
      .map { (sum, $0.map { shape[$0] }) }
    let operands = (factors + added).enumerated().map { index, type in
      HostArray(
        type.0, type.1, scrambled(type.1.reduce(1, *) + index).dropFirst(index).map { $0 * 2 - 1 })
    }
    let types = try contraction.resultTypes(of: operands.map(\.type))
    let expected = contraction.evaluate(operands, types: types)[0]
    for overwrites in [nil, test.steps.first == .accumulate ? 2 : nil] {
      let found = try device.run(contraction, operands, types, overwrites: overwrites)
      let unit = (sum == .float64 ? 0x1p-46 : 0x1p-17) * Double(test.left.last ?? 1).squareRoot()
      for (exact, other) in zip(expected.doubles, found.doubles) {
        let allowed = types[0].element.unit(at: exact) * (rounding == nil ? 0 : 1) + unit
        #expect(abs(exact - other) <= allowed, "\(test), \(element): \(exact), not \(other)")
      }
    }
  }

  @Test(arguments: [ElementType.float32, .float64], cases)
  func everyEpilogueIsTheInterpreters(_ element: ElementType, _ test: Case) throws {
    let device = try CPUDevice(threadCount: 2)
    try check(test, element, on: device)
    if element == .float32 { try check(test, element, rounding: .bfloat16, on: device) }
  }

  /// Sums of narrow floats stay float32 until the last step has been taken.
  @Test(arguments: [ElementType.bfloat16, .float16], cases)
  func everyNarrowEpilogueIsTheInterpreters(_ element: ElementType, _ test: Case) throws {
    for units in [nil, []] as [Set<ElementType>?] {
      let device = try CPUDevice(threadCount: 2, narrowUnits: units)
      for rounding in [element, nil] { try check(test, element, rounding: rounding, on: device) }
    }
  }

  /// A layer's bias takes no loop nest of its own, with units for narrow floats and without epilogue alike.
  @Test(arguments: [ElementType.float32, .bfloat16]) func aBiasIsOneDNNs(_ element: ElementType)
    throws
  {
    let device = try CPUDevice(threadCount: 1)
    var dot = try #require(Dot("abc,cd->abd"))
    dot.element = .float32
    let contraction = Contraction(
      dot: dot, left: View([2, 8, 16]), right: View([16, 32]),
      epilogue: [.add(along: [2]), .convert(element)])
    let operands = [
      Type(element, [2, 8, 16]), Type(element, [16, 32]), Type(.float32, [32]),
    ]
    let results = try contraction.resultTypes(of: operands)
    let found = try device.choice(for: contraction, operands: operands, results: results).kernel
    let plain = try device.choice(
      for: Contraction(
        dot: Dot(left: dot.left, right: dot.right, result: dot.result),
        left: contraction.left, right: contraction.right),
      operands: Array(operands.prefix(2)), results: [Type(element, [2, 8, 32])]
    ).kernel
    #expect(found == plain)
  }
}
