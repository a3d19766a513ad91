import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPTensors
import DeepEPTransforms
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

  // MARK: Whole models

  private static let models: [any LanguageModelConfiguration] = [
    GPT2Configuration(
      vocabulary: 9, context: 8, width: 8, layers: 2, heads: 2, window: 3, documentStart: 0),
    LlamaConfiguration(
      vocabulary: 9, context: 8, width: 8, layers: 2, heads: 2, keyValueHeads: 1, hidden: 12,
      documentStart: 0),
  ]

  /// The logits of each position.
  private func logits(
    _ sizes: any LanguageModelConfiguration, _ tokens: [Int64]
  ) throws -> [[Double]] {
    let model = sizes.model()
    var program = Program()
    let input = EntryInput(name: "ids", type: Type(.int32, [1, tokens.count]))
    try program.trace(.step, inputs: [input], parameters: model.parameters) {
      [("logits", model($0[0]))]
    }
    let test = ProgramCase(try program.inFloat64(), calls: [.step], seed: 3)
    var interpreter = try Interpreter(test.program, slots: test.slots)
    let ids = HostArray(.int32, [1, tokens.count], integers: tokens)
    let numbers = try interpreter.call(.step, [ids])["logits"]?.doubles ?? []
    return stride(from: 0, to: numbers.count, by: sizes.vocabulary).map {
      Array(numbers[$0..<$0 + sizes.vocabulary])
    }
  }

  @Test(arguments: models)
  func documentsOfARowDoNotSeeOneAnother(_ sizes: any LanguageModelConfiguration) throws {
    let one = try logits(sizes, [3, 1, 4, 0, 5, 2, 6])
    let other = try logits(sizes, [3, 7, 4, 0, 5, 2, 6])
    #expect(one[0] == other[0] && one[2] != other[2])
    #expect(Array(one[3...]) == Array(other[3...]))
  }

  /// Positions begin anew, or are turned, which makes no difference.
  @Test(arguments: models)
  func aDocumentIsAsAlone(_ sizes: any LanguageModelConfiguration) throws {
    let row = try logits(sizes, [3, 1, 4, 0, 5, 2, 6])
    let alone = try logits(sizes, [0, 5, 2, 6])
    for (x, y) in zip(row[3...].joined(), alone.joined()) { #expect(abs(x - y) < 1e-12) }
  }

  // MARK: Attention

  private static let places = 0..<9
  private static let documents = [0, 0, 0, 1, 1, 1, 1, 1, 2]

  /// Attention by a mask, and dense attention whose scores are minus infinity where `isSeen` does not hold.
  private func loss(
    _ x: [Tensor], _ mask: AttentionMask, isDense: Bool, _ isSeen: (Int, Int) -> Bool
  ) -> Tensor {
    let ids = Constant(type: Type(.int32, [1, 9]), numbers: Self.documents.map(Double.init))
    let segments = x[0].trace.apply(ids, [])[0]
    guard isDense else {
      let attended = x[0].attention(key: x[1], value: x[2], mask: mask, segments: segments)
      return (attended * attended).sum()
    }
    let scores = x[0].einsum("bthd,bshd->bhts", x[1]) * 0.5
    let marks = Self.places.flatMap { query in
      Self.places.map { isSeen(query, $0) ? 1.0 : 0 }
    }
    let constant = x[0].trace.apply(Constant(type: Type(.float32, [9, 9]), numbers: marks), [])[0]
    let seen = constant.broadcast(to: scores.type.dimensions, dimensions: [2, 3])
    let masked = seen.compare(.equal, seen.filled(with: 1))
      .select(scores, scores.filled(with: -.infinity))
    let attended = masked.softmax().einsum("bhts,bshd->bthd", x[2])
    return (attended * attended).sum()
  }

  /// The loss and its gradients by query, key and value.
  private func found(
    _ mask: AttentionMask, isDense: Bool, _ isSeen: (Int, Int) -> Bool
  ) throws -> [String: HostArray] {
    let parameters = ["query", "key", "value"].map {
      NamedParameter(name: $0, parameter: Parameter([1, 9, 2, 4], .zeros))
    }
    var program = Program()
    try program.trace(.evaluate, inputs: [], parameters: parameters) { _ in
      let x = parameters.map(\.parameter.tensor)
      return [("loss", loss(x, mask, isDense: isDense, isSeen))]
    }
    let test = ProgramCase(
      try Gradient().apply(program).inFloat64(), calls: [.step], seed: 11)
    var interpreter = try Interpreter(test.program, slots: test.slots)
    return try interpreter.call(.step, [])
  }

  @Test(arguments: [AttentionMask.causal, .window(length: 1), .window(length: 3)])
  func windowsAndDocumentsAreMasksOfDenseAttention(_ mask: AttentionMask) throws {
    var length = 9
    if case .window(let own) = mask { length = own }
    let isSeen = { (query: Int, key: Int) in
      Self.documents[query] == Self.documents[key] && key <= query && query - key < length
    }
    let dense = try found(mask, isDense: true, isSeen)
    let own = try found(mask, isDense: false, isSeen)
    #expect(Set(own.keys) == ["loss", "query", "key", "value"])
    for (name, array) in own {
      let other = try #require(dense[name])
      for (x, y) in zip(array.doubles, other.doubles) {
        #expect(abs(x - y) < 1e-12, "\(name)")
      }
    }
  }
}
