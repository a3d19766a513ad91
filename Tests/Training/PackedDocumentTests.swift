import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPTensors
import Testing

/// Layers of attention on documents packed into a row are the layers on each document.
@Suite struct PackedDocumentTests {
  private static let lengths = [3, 5, 1]

  /// What a layer makes of a row of documents, and of its parts one by one.
  private func results(
    _ parameters: [NamedParameter], _ layer: @escaping (Tensor, Tensor?) -> Tensor
  ) throws -> (packed: [Double], apart: [Double]) {
    var program = Program()
    let inputs = [EntryInput(name: "x", type: Type(.float32, [1, 9, 8]))]
    try program.trace(.step, inputs: inputs, parameters: parameters) { x in
      let ids = Constant(type: Type(.int32, [1, 9]), numbers: [0, 0, 0, 1, 1, 1, 1, 1, 2])
      var results = [("packed", layer(x[0], x[0].trace.apply(ids, [])[0]))]
      for (number, length) in Self.lengths.dropLast().enumerated() {
        let part = x[0].sliced([0, number * 3, 0], sizes: [1, length, 8])
        results.append(("part\(number)", layer(part, nil)))
      }
      return results
    }
    let test = ProgramCase(try program.inFloat64(), calls: [.step], seed: 5)
    var interpreter = try Interpreter(test.program, slots: test.slots)
    let found = try interpreter.call(.step, test.inputs(ofCall: 0))
    let numbers = { (name: String) in
      (0..<(found[name]?.type.elementCount ?? 0)).map { found[name]?[$0].double ?? .nan }
    }
    return (Array(numbers("packed").prefix(64)), numbers("part0") + numbers("part1"))
  }

  private func expectEqual(_ found: (packed: [Double], apart: [Double])) {
    #expect(found.packed.count == 64 && found.apart.count == 64)
    for (x, y) in zip(found.packed, found.apart) { #expect(abs(x - y) < 1e-12) }
  }

  @Test func causalAttentionSeesItsOwnDocument() throws {
    let layer = CausalAttention(8, heads: 2)
    expectEqual(try results(layer.parameters) { layer($0, segments: $1) })
  }

  /// Rotary positions turn queries and keys alike, so a document may begin anywhere.
  @Test func groupedAttentionInWindowsSeesItsOwnDocument() throws {
    let weight = Initializer.normal(deviation: 0.3)
    let layer = GroupedQueryAttention(
      8, heads: .init(queries: 4, keyValues: 2, width: 2), mask: .window(length: 2),
      initializers: (weight, weight, weight, weight))
    expectEqual(try results(layer.parameters) { layer($0, segments: $1) })
  }
}
