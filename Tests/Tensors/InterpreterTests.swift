import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import FoundationEssentials
import Testing

/// The interpreter computes what PyTorch computes; `Fixtures/make_fixtures.py` wrote the numbers.
///
/// In float64 to 1e-14 of the norm. In float32 to 1e-6: PyTorch adds in float32, in its own order.
@Suite struct InterpreterTests {
  /// An array of the fixture.
  struct Array: Decodable {
    let element: ElementType
    let shape: [Int]
    let numbers: [Double]
    var host: HostArray { HostArray(element, shape, numbers) }
  }

  /// An operation of the fixture with its operands and results.
  struct Case: Decodable {
    let name: String
    let inputs: [Array]
    let results: [Array]
  }

  private static func cases() throws -> [Case] {
    let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let path = folder.joined(separator: "/") + "/Fixtures/operations.json"
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try decoder.decode([Case].self, from: Data(contentsOf: URL(filePath: path)))
  }

  /// The operation that a case of the fixture names.
  private func operation(_ test: Case) throws -> any Operation {
    if let space = test.name.firstIndex(of: "{") {
      return try parsed(test, test.name[..<space].dropLast(), test.name[space...])
    }
    let words = test.name.split(separator: " ").map(String.init)
    let last = words[words.count - 1]
    let (head, shape) = (words[0], test.results[0].shape)
    if let reduction = Reduction(rawValue: head), words.count == 2 {
      return Reduce(reduction: reduction, dimensions: last.compactMap(\.wholeNumberValue))
    }
    switch head {
    case "convert": return Convert(element: test.results[0].element)
    case "reshape": return Reshape(shape: shape)
    case "transpose": return Transpose(permutation: [2, 0, 1])
    case "broadcast": return Broadcast(shape: shape, dimensions: [0, 2])
    case "slice": return Slice(starts: [1, 1, 0], sizes: shape)
    case "pad": return Pad(starts: [1, 2, 0], shape: shape)
    case "concatenate": return Concatenate(dimension: 1)
    case "dot": return try #require(Dot(last))
    case "layerNorm": return LayerNormalization(epsilon: 1e-5)
    case "attention": return attention(words)
    default: return try plain(head)
    }
  }

  /// The operation that a case gives in the text form.
  private func parsed(
    _ test: Case, _ name: Substring, _ attributes: Substring
  ) throws -> any Operation {
    let inputs = test.inputs.enumerated().map { ($0, $1.host.type) }
    let operands = inputs.map { "%\($0.0)" }.joined(separator: ", ")
    let types = test.results.map(\.host.type.description).joined(separator: "; ")
    let lines =
      ["entry step"] + inputs.map { "argument x\($0) : \($1)" }
      + inputs.map { "%\($0) = input() {\"index\":\($0),\"type\":\"\($1)\"} : \($1)" }
      + ["%\(inputs.count) = \(name)(\(operands)) \(attributes) : \(types)"]
    let program = try Program(text: lines.joined(separator: "\n"))
    return try #require(program.entries[0].graph.nodes.last).operation
  }

  private func attention(_ words: [String]) -> any Operation {
    let attention = Attention(scale: 0.5.squareRoot(), isCausal: words.contains("causal"))
    return words.contains("gradient") ? AttentionGradient(attention: attention) : attention
  }

  private func plain(_ name: String) throws -> any Operation {
    if let function = UnaryFunction(rawValue: name) { return Unary(function: function) }
    if let function = BinaryFunction(rawValue: name) { return Binary(function: function) }
    if let comparison = Comparison(rawValue: name) { return Compare(comparison: comparison) }
    let all: [any Operation] = [
      Select(), Gather(), ScatterAdd(), Softmax(), Gelu(), Silu(), CrossEntropy(), GroupedDot(),
      GroupedDotWeightGradient(),
    ]
    return try #require(all.first { $0.name == name }, "\(name)")
  }

  @Test func operationsComputeWhatPyTorchComputes() throws {
    let cases = try Self.cases()
    #expect(cases.count > 320)
    for test in cases {
      let inputs = test.inputs.map(\.host)
      let operation = try operation(test)
      let types = try operation.resultTypes(of: inputs.map(\.type))
      let found = try operation.evaluate(inputs, types: types)
      for (expected, result) in zip(test.results, found) {
        let tolerance = expected.element == .float32 ? 1e-6 : 1e-14
        let error = expected.host.normwiseError(of: result)
        #expect(error <= tolerance, "\(test.name) of \(inputs.map(\.type))")
      }
    }
  }

  /// The first words of SplitMix64 with the seed 1234567, as its authors' C program prints them
  /// (Vigna's splitmix64.c; also the test vector of Rosetta Code).
  @Test func randomWordsAreThoseOfSplitMix64() {
    var state: UInt64 = 1_234_567
    let words = (0..<3).map { _ in
      state &+= Random.increment
      return Random.mix(state)
    }
    #expect(
      words == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test func randomWordsAreASequenceThatStartsAtTheKey() throws {
    let key = HostArray(.uint64, [], integers: [42])
    let numbers = HostArray(.int64, [2, 2], integers: [0, 1, 2, 3])
    let found = Random().evaluate([key, numbers], types: [Type(.uint64, [2, 2])])[0]
    var state = Random.mix(42 &* Random.increment)
    let expected = (0..<4).map { _ in
      state &+= Random.increment
      return Int64(bitPattern: Random.mix(state))
    }
    #expect(found.integers == expected)
  }

  @Test func indicesGrowAlongTheirDimension() {
    let type = Type(.int32, [2, 3])
    #expect(
      Iota(type: type, dimension: 1).evaluate([], types: [type])[0].integers == [0, 1, 2, 0, 1, 2])
    #expect(
      Iota(type: type, dimension: 0).evaluate([], types: [type])[0].integers == [0, 0, 0, 1, 1, 1])
  }

  @Test func indicesOutsideATableAreClamped() throws {
    let table = HostArray(.float64, [3], [10, 20, 30])
    let rows = HostArray(.int64, [4], integers: [-5, 1, 3, .max])
    let found = Gather().evaluate([table, rows], types: [Type(.float64, [4])])[0]
    #expect(found.doubles == [10, 20, 30, 30])
  }
}
