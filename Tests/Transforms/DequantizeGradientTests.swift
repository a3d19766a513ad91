import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The gradient by the scales of quantised numbers, which are float32, so that differences are too rough
/// for it: it is that of the product written out.
@Suite struct DequantizeGradientTests {
  struct Sizes: CustomTestStringConvertible, Sendable {
    let rows: Int, length: Int, block: Int
    var testDescription: String { "\(rows) rows of \(length) in blocks of \(block)" }
  }

  /// The loss and its gradient by the scales.
  private func outcome(
    _ sizes: Sizes, _ element: ElementType, _ numbers: (Tensor, Tensor) -> Tensor
  ) throws -> Outcome {
    let blocks = (sizes.length + sizes.block - 1) / sizes.block
    let inputs = [
      EntryInput(name: "elements", type: Type(element, [sizes.rows, sizes.length])),
      EntryInput(name: "weights", type: Type(.float32, [sizes.rows, sizes.length])),
    ]
    let scales = Parameter([sizes.rows, blocks], .zeros)
    var program = Program()
    try program.trace(
      .evaluate, inputs: inputs, parameters: [NamedParameter(name: "scales", parameter: scales)]
    ) { inputs in
      let y = numbers(inputs[0], scales.tensor)
      return [("loss", (y.hyperbolicTangent() * inputs[1]).sum())]
    }
    program = try program.applying([Gradient()])
    var random = RandomSource(seed: 11)
    let arrays = inputs.map { random.array($0.type) }
    var interpreter = try Interpreter(program, slots: [random.array(program.slots[0].type)])
    return Outcome(results: try interpreter.call(.step, arrays), slots: [])
  }

  @Test(
    arguments: [
      Sizes(rows: 1, length: 1, block: 1), Sizes(rows: 2, length: 7, block: 3),
      Sizes(rows: 3, length: 8, block: 4), Sizes(rows: 2, length: 65, block: 64),
      Sizes(rows: 1, length: 5, block: 9),
    ], [ElementType.int8, .float8e4m3, .float8e5m2])
  func theGradientByScalesIsThatOfTheProductWrittenOut(
    _ sizes: Sizes, _ element: ElementType
  ) throws {
    let own = try outcome(sizes, element) {
      $0.dequantized(scales: $1, block: sizes.block)
    }
    let written = try outcome(sizes, element) { elements, scales in
      let (rows, blocks) = (sizes.rows, scales.shape[1])
      let each = scales.broadcast(to: [rows, blocks, sizes.block], dimensions: [0, 1])
      let wide = each.reshaped([rows, blocks * sizes.block])
      return elements.converted(to: .float32)
        * wide.sliced([0, 0], sizes: [rows, sizes.length])
    }
    #expect(written.differences(from: own, tolerance: 1e-6) == [])
  }
}
