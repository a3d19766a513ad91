import DeepEPElements
import DeepEPTensors
import Testing

/// Operands that do not fit are refused with an error that says which and why.
@Suite struct ShapeRuleTests {
  /// An operation, operands, and words of the error.
  struct Case: CustomTestStringConvertible, Sendable {
    let operation: any Operation
    let operands: [Type]
    let words: String
    var testDescription: String { "\(operation.name) \(operands): \(words)" }

    init(_ operation: any Operation, _ operands: Type..., words: String) {
      (self.operation, self.operands, self.words) = (operation, operands, words)
    }
  }

  static let cases = boxes

  static let boxes: [Case] = [
    Case(DynamicSlice(dimensions: [0], sizes: [1]), f([2, 3]), words: "expected 2 operands"),
    Case(DynamicSlice(dimensions: [0], sizes: [3]), f([2, 3]), i([]), words: "no 3 elements"),
    Case(DynamicSlice(dimensions: [0], sizes: [-1]), f([2]), i([]), words: "no -1 elements"),
    Case(DynamicSlice(dimensions: [0], sizes: []), f([2]), i([]), words: "0 sizes for 1"),
    Case(DynamicSlice(dimensions: [2], sizes: [1]), f([2, 3]), i([]), words: "no different"),
    Case(
      DynamicSlice(dimensions: [0, 0], sizes: [1, 1]), f([2, 3]), i([]), i([]),
      words: "no different"),
    Case(DynamicSlice(dimensions: [0], sizes: [1]), f([2]), i([1]), words: "a start must be"),
    Case(DynamicSlice(dimensions: [0], sizes: [1]), f([2]), f([]), words: "a start must be"),
    Case(DynamicUpdateSlice(dimensions: [0]), f([2]), f([3]), i([]), words: "does not fit into"),
    Case(
      DynamicUpdateSlice(dimensions: [0]), f([2, 3]), f([1, 2]), i([]), words: "may be smaller"),
    Case(DynamicUpdateSlice(dimensions: [0]), f([2]), i([1]), i([]), words: "does not fit into"),
    Case(DynamicUpdateSlice(dimensions: [1]), f([2, 3]), f([2]), i([]), words: "does not fit"),
    Case(DynamicUpdateSlice(dimensions: [0]), f([2]), f([1]), words: "expected 3 operands"),
  ]

  static func f(_ shape: [Int]) -> Type { Type(.float32, shape) }
  static func i(_ shape: [Int]) -> Type { Type(.int32, shape) }

  @Test(arguments: cases) func operandsThatDoNotFitAreRefused(_ test: Case) {
    let error = #expect(throws: ShapeError.self) {
      try test.operation.resultTypes(of: test.operands)
    }
    #expect(error?.problem.contains(test.words) ?? false, "\(error?.problem ?? "")")
    #expect(error?.operation == test.operation.name)
  }
}
