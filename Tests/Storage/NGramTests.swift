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
