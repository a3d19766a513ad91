import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// Multiplications in blocks against the same ones at once.
@Suite struct BlockedMultiplyTests {
  private static let (rows, columns, depth) = (150, 100, 200)
  private static let row = MatrixOperand([1, columns])
  private static let all = MatrixOperand([rows, columns])
  static let steps: [[MatrixStep]] = [
    [], [.accumulate], [.add(row)], [.add(all), .multiply(row)], [.accumulate, .add(row)],
    [.accumulate, .multiply(all), .add(row)],
  ]
  static let sizes = [
    MatrixBlocks(rows: 64, columns: 100, depth: 200),
    MatrixBlocks(rows: 150, columns: 64, depth: 200),
    MatrixBlocks(rows: 150, columns: 100, depth: 64),
    MatrixBlocks(rows: 64, columns: 64, depth: 64),
    MatrixBlocks(rows: 1, columns: 1, depth: 200), MatrixBlocks(rows: 149, columns: 99, depth: 199),
  ]

  @Test(arguments: 0..<steps.count, [false, true])
  func agreesWithOneBlock(_ number: Int, isTransposed: Bool) throws {
    let steps = Self.steps[number]
    let library = try MatrixLibrary(pool: ThreadPool(threadCount: 2))
    let left = MatrixOperand(
      [Self.rows, Self.depth], strides: isTransposed ? [1, Self.rows] : [Self.depth, 1])
    let run = { (blocks: MatrixBlocks) throws -> [Double] in
      let multiply = try BlockedMultiply(
        library, left: left, right: .init([Self.depth, Self.columns]), result: Self.all,
        steps: steps, blocks: blocks)
      return try Self.result(multiply, steps)
    }
    let expected = try run(
      MatrixBlocks(rows: Self.rows, columns: Self.columns, depth: Self.depth))
    var count = 0
    for blocks in Self.sizes {
      do {
        let found = try run(blocks)
        for (x, y) in zip(found, expected) { #expect(abs(x - y) < 1e-4) }
        count += 1
      } catch is MatrixError {
        // oneDNN has no kernel for some steps on views.
      }
    }
    #expect(steps.contains { $0.hasOperand } ? count > 0 : count == Self.sizes.count)
  }

  private static func result(
    _ multiply: BlockedMultiply, _ steps: [MatrixStep]
  ) throws -> [Double] {
    let left = Numbers(.float32, scrambled(rows * depth))
    let right = Numbers(.float32, scrambled(depth * columns))
    let result = Numbers(.float32, scrambled(rows * columns))
    let other = Numbers(.float32, scrambled(rows * columns).map { 1 - $0 })
    let workspace = UnsafeMutableRawPointer.allocate(
      byteCount: multiply.workspaceBytes + 64, alignment: 64)
    defer { workspace.deallocate() }
    let operands: [UnsafeMutableRawPointer?] = steps.map { $0.hasOperand ? other.memory : nil }
    try (operands + [nil]).withUnsafeBufferPointer { operands in
      let start = try #require(operands.baseAddress)
      try multiply.execute(
        left: left.memory, right: right.memory, result: result.memory, workspace: workspace,
        stepOperands: start)
    }
    return result.values
  }

  @Test func rangesCoverADimension() {
    for (count, size) in [
      (1, 1), (64, 64), (65, 64), (384, 256), (768, 256), (50257, 2048), (3, 8),
    ] {
      let ranges = MatrixBlocks.ranges(count, size)
      #expect(Array(ranges.joined()) == Array(0..<count))
      #expect(ranges.allSatisfy { $0.count <= (size + 63) / 64 * 64 })
    }
  }
}

extension MatrixStep {
  fileprivate var hasOperand: Bool { self != .accumulate }
}
