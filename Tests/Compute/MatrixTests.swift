import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Matrix multiplications against three loops.
@Suite struct MatrixTests {
  static let cases: [(MatrixOperand, MatrixOperand, MatrixOperand)] = [
    (.init([1, 1]), .init([1, 1]), .init([1, 1])),
    (.init([7, 13]), .init([13, 5]), .init([7, 5])),
    (.init([7, 13], strides: [1, 7]), .init([13, 5], strides: [1, 13]), .init([7, 5])),
    (.init([3, 7, 13]), .init([1, 13, 5]), .init([3, 7, 5])),
    (
      .init([2, 3, 9, 8], strides: [9 * 72, 8, 72, 1]),
      .init([2, 3, 8, 9], strides: [9 * 72, 8, 1, 72]), .init([2, 3, 9, 9])
    ),
    (
      .init([2, 3, 9, 9]), .init([2, 3, 9, 8], strides: [9 * 72, 8, 72, 1]),
      .init([2, 3, 9, 8], strides: [9 * 24, 8, 24, 1])
    ),
    (
      .init([2, 3, 9, 9], strides: [243, 81, 1, 9]),
      .init([2, 3, 9, 8], strides: [9 * 24, 8, 24, 1]),
      .init([2, 3, 9, 8], strides: [9 * 72, 8, 72, 1])
    ),
    (.init([2, 2, 2, 2, 3, 4]), .init([2, 2, 1, 2, 4, 3]), .init([2, 2, 2, 2, 3, 3])),
  ]

  @Test(arguments: 0..<cases.count) func agreesWithLoops(_ number: Int) throws {
    let (left, right, result) = Self.cases[number]
    let library = try MatrixLibrary(pool: ThreadPool(threadCount: 2))
    let multiply = try MatrixMultiply(library, left: left, right: right, result: result)
    let operands = [left, right].map { Numbers(.float32, scrambled($0.span)) }
    let output = Numbers(.float32, Array(repeating: 0, count: result.span))
    let workspace = UnsafeMutableRawPointer.allocate(
      byteCount: multiply.workspaceBytes + 64, alignment: 64)
    defer { workspace.deallocate() }
    try multiply.execute(
      left: operands[0].memory, right: operands[1].memory, result: output.memory,
      workspace: workspace)
    result.forEachPosition { position in
      var exact = 0.0
      for k in 0..<left.shape[left.shape.count - 1] {
        let (row, column) = (position.count - 2, position.count - 1)
        var (leftPosition, rightPosition) = (position, position)
        leftPosition[column] = k
        rightPosition[row] = k
        exact +=
          operands[0].get(left.offset(leftPosition)) * operands[1].get(right.offset(rightPosition))
      }
      #expect(abs(output.get(result.offset(position)) - exact) < 1e-5)
    }
  }

  /// Where the processor has no bfloat16 units, oneDNN may refuse; what it makes must be right.
  @Test(arguments: [ElementType.bfloat16, .float32]) func bfloat16(_ element: ElementType) throws {
    let library = try MatrixLibrary(pool: ThreadPool(threadCount: 2))
    let operands = [35, 50].map { Numbers(.bfloat16, scrambled($0)) }
    let output = Numbers(element, Array(repeating: 0, count: 70))
    let multiply: MatrixMultiply
    do {
      multiply = try MatrixMultiply(
        library, left: .init([7, 5], .bfloat16), right: .init([5, 10], .bfloat16),
        result: .init([7, 10], element))
    } catch is MatrixError { return }
    let workspace = UnsafeMutableRawPointer.allocate(
      byteCount: multiply.workspaceBytes + 64, alignment: 64)
    defer { workspace.deallocate() }
    try multiply.execute(
      left: operands[0].memory, right: operands[1].memory, result: output.memory,
      workspace: workspace)
    for index in 0..<70 {
      let exact = (0..<5).reduce(0) { sum, k in
        sum + operands[0].get(index / 10 * 5 + k) * operands[1].get(k * 10 + index % 10)
      }
      #expect(abs(output.get(index) - exact) < (element == .bfloat16 ? 1e-2 : 1e-5))
    }
  }

  @Test func refusalsNameTheOperands() throws {
    let library = try MatrixLibrary(pool: ThreadPool(threadCount: 1))
    let error = #expect(throws: MatrixError.self) {
      try MatrixMultiply(
        library, left: .init([2, 3]), right: .init([4, 5]), result: .init([2, 5]))
    }
    #expect(error?.description.contains("[4, 5]") == true)
    #expect(throws: MatrixError.self) {
      try MatrixMultiply(
        library, left: .init([2, 3], .int64), right: .init([3, 5], .int64), result: .init([2, 5]))
    }
  }
}

extension MatrixOperand {
  /// The number of elements from the first to the last.
  var span: Int { zip(shape, strides).reduce(1) { $0 + ($1.0 - 1) * $1.1 } }

  /// Where an element lies; positions in dimensions of one are all the same.
  func offset(_ position: [Int]) -> Int {
    position.indices.reduce(0) { $0 + (shape[$1] == 1 ? 0 : position[$1] * strides[$1]) }
  }

  func forEachPosition(_ body: ([Int]) -> Void) {
    for number in 0..<shape.reduce(1, *) {
      var (rest, position) = (number, shape)
      for dimension in shape.indices.reversed() {
        position[dimension] = rest % shape[dimension]
        rest /= shape[dimension]
      }
      body(position)
    }
  }
}
