import DeepEPStorage
import Glibc
import Testing

@Suite struct NGramTests {
  let text = "the cat sat on the mat. the dog sat on the log. a cat and a dog met on a mat.\n"

  @Test(arguments: [1, 2, 3, 5, 9]) func probabilitiesSumToOne(_ order: Int) throws {
    let tokenizer = CharacterTokenizer(text: text + "xyzé")
    let size = tokenizer.vocabularySize
    let model = try NGramModel(
      tokenizer.encode(text)[...], vocabularySize: size, order: order)
    for history in ["", "t", "the ", "the mat", "x", "thx", "qqqq".filter { _ in false }, "\n"] {
      let tokens = try tokenizer.encode(history)
      let all = (0..<Int32(size)).map { model.probability(of: $0, following: tokens) }
      #expect(abs(all.reduce(0, +) - 1) < 1e-12)
      #expect(all.allSatisfy { $0 > 0 })
    }
  }

  /// The mean over a text is that of the single probabilities, each after its history.
  @Test func crossEntropyIsTheMeanOfTheProbabilities() throws {
    let tokenizer = CharacterTokenizer(text: text)
    let tokens = try tokenizer.encode(text)
    let model = try NGramModel(
      tokens[..<50], vocabularySize: tokenizer.vocabularySize, order: 4)
    let rest = tokens[50...]
    let sum = rest.indices.reduce(0.0) { sum, index in
      sum - log(model.probability(of: tokens[index], following: Array(tokens[50..<index])))
    }
    #expect(abs(model.crossEntropyNats(rest) - sum / Double(rest.count)) < 1e-12)
  }

  /// The text of `Fixtures/ngram_reference.py`.
  private static var madeText: String {
    let words = "in the beginning was a word and it was with light upon earth".split(separator: " ")
    var state: UInt32 = 1
    var text = ""
    for _ in 0..<4000 {
      state = state &* 1_664_525 &+ 1_013_904_223
      text += words[Int(state >> 16) % words.count] + (state >> 29 == 0 ? ".\n" : " ")
    }
    return text
  }

  /// The figures that `Fixtures/ngram_reference.py` printed.
  @Test(arguments: [
    (1, 2.7216452975811625), (2, 1.19377953618741), (3, 0.7228941716505187),
    (4, 0.6274833739430682), (5, 0.6260410425009545), (6, 0.6300833388718292),
  ])
  func agreesWithAnotherImplementation(_ order: Int, _ expected: Double) throws {
    let tokenizer = CharacterTokenizer(text: Self.madeText)
    let loader = try TextLoader(
      tokens: tokenizer.encode(Self.madeText), tokenizer: tokenizer, sequenceLength: 1,
      batchSize: 1)
    let model = try NGramModel(
      ArraySlice(loader.trainingTokens), vocabularySize: loader.vocabularySize, order: order)
    #expect(abs(model.crossEntropyNats(ArraySlice(loader.validationTokens)) - expected) < 1e-9)
  }

  /// A text that repeats itself is learnt; one of independent tokens costs its entropy.
  @Test func learnsWhatThereIsToLearn() throws {
    let cycle = (0..<10_000).map { Int32($0 % 10) }
    let learnt = try NGramModel(cycle[..<9_000], vocabularySize: 10)
    #expect(learnt.crossEntropyNats(cycle[9_000...]) < 0.01)
    var generator = SeededGenerator(state: 1)
    let noise = (0..<200_000).map { _ in Int32.random(in: 0..<4, using: &generator) }
    let unlearnt = try NGramModel(noise[..<190_000], vocabularySize: 4, order: 3)
    #expect(abs(unlearnt.crossEntropyNats(noise[190_000...]) - log(4)) < 0.01)
  }

  @Test func badNumbersAreErrors() {
    for (tokens, size, order) in [([0], 1, 0), ([0], 1, 17), ([], 1, 5), ([0], 0, 5)] {
      #expect(throws: StorageError.self) {
        try NGramModel(tokens.map(Int32.init)[...], vocabularySize: size, order: order)
      }
    }
  }
}
