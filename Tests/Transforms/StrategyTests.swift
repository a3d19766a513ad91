import DeepEPModels
import DeepEPTensors
import DeepEPTransforms
import Foundation
import Testing

/// Strategies as text, and those that cannot work.
@Suite struct StrategyTests {
  @Test(arguments: [
    Strategy(), Strategy(data: 4, zero: 2), Strategy(tensor: 8, sequenceParallel: true),
    Strategy(data: 4, tensor: 2, sequenceParallel: true, zero: 3, secondary: 2),
    Strategy(precision: .bfloat16), Strategy(data: 2, precision: .float16),
    Strategy(data: 2, zero: 1, compression: .int8), Strategy(data: 2, compression: .bfloat16),
  ]) func theShortFormReadsBack(_ strategy: Strategy) {
    #expect(Strategy(strategy.description) == strategy)
  }

  @Test(arguments: [
    "", "data", "data=", "data=two", "dta=2", "data=2,data=2", "data=2,,zero=1",
    "sequence-parallel=1", "precision", "precision=fp8", "precision=2", "data=1=1",
    "compress", "compress=4", "compress=int4",
    "data=99999999999999999999",
  ]) func otherTextIsNoStrategy(_ text: String) { #expect(Strategy(text) == nil) }

  @Test func unknownChoicesAreNamed() {
    #expect(
      Strategy.mistake(in: "data=2,compress=int4")
        == "compress is one of none, bf16, int8, not 'int4'")
    #expect(Strategy.mistake(in: "precision") == "precision is one of fp32, bf16, fp16, not ''")
    #expect(Strategy.mistake(in: "dta=2,compress=int8") == nil)
    let json = Data("{\"data\": 2, \"compress\": \"int4\"}".utf8)
    #expect(
      "\(Result { try JSONDecoder().decode(Strategy.self, from: json) })".contains(
        "none, bf16, int8"))
  }

  @Test(arguments: [
    Strategy(), Strategy(data: 2, tensor: 2, sequenceParallel: true, zero: 3),
    Strategy(data: 4, zero: 3, secondary: 2, compression: .int8),
  ])
  func jsonReadsBack(_ strategy: Strategy) throws {
    let json = try JSONEncoder().encode(strategy)
    #expect(try JSONDecoder().decode(Strategy.self, from: json) == strategy)
  }

  @Test func jsonMaySayLittleButNothingElse() throws {
    let read = { (text: String) in
      try JSONDecoder().decode(Strategy.self, from: Data(text.utf8))
    }
    #expect(try read("{\"data\": 2}") == Strategy(data: 2))
    #expect(try read("{}") == Strategy())
    for wrong in ["{\"dta\": 2}", "{\"data\": \"2\"}", "{\"data\": 2.5}", "[]", "{"] {
      #expect(throws: (any Error).self) { try read(wrong) }
    }
  }

  /// GPT-2 with 6 heads and a batch of 8.
  private func program() throws -> Program {
    let model = GPT2(GPT2Configuration(vocabulary: 13, context: 4, width: 12, layers: 1, heads: 6))
    let inputs = ["ids", "targets"].map {
      EntryInput(name: $0, type: Type(.int32, [8, 4]), axes: [.axis(.batch), .unnamed])
    }
    var program = Program()
    try program.trace(.evaluate, inputs: inputs, parameters: model.parameters) { inputs in
      [("loss", model(inputs[0]).crossEntropy(labels: inputs[1]).mean())]
    }
    return program
  }

  @Test(
    arguments: [
      ("data=3", nil, "a batch of 8 does not split 3 ways", "data=2"),
      ("tensor=4", nil, "6 heads do not split 4 ways", "tensor=3"),
      ("data=2,tensor=2", 8, "needs 4 ranks, there are 8", "data=4,tensor=2"),
      ("zero=2", nil, "ZeRO shares state among data-parallel ranks, and there is one", "data=1"),
      ("data=2,zero=7", nil, "ZeRO has the stages 0 to 3, not 7", "data=2,zero=3"),
      ("sequence-parallel", nil, "among tensor-parallel ranks, and there is one", "data=1"),
      ("data=0", nil, "data is 0", "data=1"),
      ("data=4,secondary=2", nil, "secondary=2 keeps the parameters of ZeRO's stage 3", "data=4"),
      ("data=4,zero=3,secondary=3", nil, "in groups of 4 data-parallel ranks", "data=4,zero=3"),
      ("compress=int8", nil, "compress rounds gradients that data-parallel ranks add", "data=1"),
    ] as [(String, Int?, String, String)])
  func whatCannotWorkIsRefusedWithTheNearestThatWorks(
    _ text: String, _ ranks: Int?, _ what: String, _ nearest: String
  ) throws {
    let strategy = try #require(Strategy(text))
    let error = try #require(throws: StrategyError.self) {
      try strategy.check(program(), rankCount: ranks)
    }
    #expect(error.what.contains(what))
    #expect(error.fix.contains("'\(nearest)'"), "\(error)")
  }

  @Test func dataParallelRanksMayBecomeFewer() throws {
    let counts = { (text: String) in
      try #require(Strategy(text)).rankCounts(for: program())
    }
    #expect(try counts("data=8,zero=3") == [8, 4, 2, 1])
    #expect(try counts("data=4,tensor=3,sequence-parallel") == [12, 6, 3])
    #expect(try counts("tensor=6") == [6])
    let groups = try #require(Strategy("data=8,zero=3,secondary=4"))
    #expect(groups.shrunk(toRankCount: 4)?.description == "data=4,zero=3")
    let strategy = try #require(Strategy("data=4,tensor=3,zero=2"))
    #expect(strategy.shrunk(toRankCount: 6)?.description == "data=2,tensor=3,zero=2")
    #expect(strategy.shrunk(toRankCount: 3)?.description == "tensor=3")
    #expect(strategy.shrunk(toRankCount: 4) == nil && strategy.shrunk(toRankCount: 24) == nil)
  }

  @Test func whatWorksIsNotRefused() throws {
    for text in ["data=1", "data=8,zero=3", "tensor=6", "data=4,tensor=3,sequence-parallel,zero=1"]
    {
      try #require(Strategy(text)).check(program())
    }
  }
}
