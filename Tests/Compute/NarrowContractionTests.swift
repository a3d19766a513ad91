import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Contractions of bfloat16 and float16, on units of the processor and without them, against the
/// interpreter: to one unit in the last place, beside what summing in float32 loses.
@Suite struct NarrowContractionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let notation: String
    let left: [Int]
    let right: [Int]
    var testDescription: String { "\(notation) \(left) \(right)" }

    init(_ notation: String, _ left: [Int], _ right: [Int]) {
      (self.notation, self.left, self.right) = (notation, left, right)
    }
  }

  static let cases = [
    Case("ab,bc->ac", [1, 1], [1, 1]), Case("ab,bc->ac", [7, 65], [65, 17]),
    Case("ab,cb->ac", [33, 257], [65, 257]), Case("ab,ac->bc", [257, 7], [257, 65]),
    Case("abc,dc->abd", [3, 5, 64], [31, 64]),
    Case("bthd,bshd->bhts", [2, 7, 2, 9], [2, 5, 2, 9]),
    Case("bhts,bshd->bthd", [2, 2, 7, 5], [2, 5, 2, 9]), Case("a,a->", [65], [65]),
    Case("a,b->ab", [7], [65]), Case("ab,abc->ac", [3, 7], [3, 7, 5]),
    Case("ab,cb->ac", [1, 257], [260, 257]), Case("ab,b->a", [257, 260], [260]),
  ]

  @Test(arguments: [ElementType.bfloat16, .float16], cases)
  func everyWayIsTheInterpreters(_ element: ElementType, _ test: Case) throws {
    for units in [nil, []] as [Set<ElementType>?] {
      let device = try CPUDevice(threadCount: 2, narrowUnits: units)
      for result in [element, .float32] {
        try check(test, element, result, on: device)
      }
    }
  }

  private func check(
    _ test: Case, _ element: ElementType, _ result: ElementType, on device: CPUDevice
  ) throws {
    var dot = try #require(Dot(test.notation))
    dot.element = result
    let contraction = Contraction(dot: dot, left: View(test.left), right: View(test.right))
    let operands = [test.left, test.right].enumerated().map { index, shape in
      HostArray(
        element, shape, scrambled(shape.reduce(1, *) + index).dropFirst(index).map { $0 * 2 - 1 })
    }
    let types = try contraction.resultTypes(of: operands.map(\.type))
    let found = try device.run(contraction, operands, types)
    let expected = contraction.evaluate(operands, types: types)[0]
    // The same sum of magnitudes bounds what float32 loses.
    let sizes = Contraction(
      dot: Dot(left: dot.left, right: dot.right, result: dot.result, element: .float64),
      left: contraction.left, right: contraction.right
    ).evaluate(
      operands.map { HostArray($0.element, $0.shape, $0.doubles.map(abs)) },
      types: types.map { $0.with(element: .float64) })[0]
    for index in 0..<expected.count {
      let (exact, other) = (expected.doubles[index], found.doubles[index])
      let allowed = result.unit(at: exact) + sizes.doubles[index] * 0x1p-20
      #expect(abs(exact - other) <= allowed, "\(element) to \(result): \(exact), not \(other)")
    }
  }

  /// A row times a large matrix waits for memory: a loop nest reads it in order, and does not copy it.
  @Test(arguments: [ElementType.float32, .bfloat16, .float16])
  func aLargeMatrixIsReadOnce(_ element: ElementType) throws {
    let device = try CPUDevice(threadCount: 1, narrowUnits: [])
    let contraction = Contraction(
      dot: try #require(Dot("abc,dc->abd")), left: View([1, 1, 256]), right: View([500, 256]))
    let choice = try device.choice(
      for: contraction, operands: [Type(element, [1, 1, 256]), Type(element, [500, 256])],
      results: [Type(element, [1, 1, 500])])
    #expect(choice.kernel == "plain contraction")
    #expect(choice.workspaceBytes == 0)
  }

  /// Where there are no units nothing is emulated, and no loop nest takes the place of oneDNN.
  @Test func withoutUnitsTheWayIsFloat32() throws {
    let device = try CPUDevice(threadCount: 1, narrowUnits: [])
    let contraction = Contraction(
      dot: try #require(Dot("ab,bc->ac")), left: View([8, 16]), right: View([16, 32]))
    for element in [ElementType.bfloat16, .float16] {
      let operands = [Type(element, [8, 16]), Type(element, [16, 32])]
      let choice = try device.choice(
        for: contraction, operands: operands, results: [Type(element, [8, 32])])
      #expect(choice.kernel.hasSuffix("by way of float32"))
      #expect(choice.workspaceBytes >= (8 * 16 + 16 * 32 + 8 * 32) * 4)
    }
  }
}
