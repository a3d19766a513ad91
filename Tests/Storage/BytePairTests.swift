import DeepEPStorage
import FoundationEssentials
import Testing

/// Byte pairs are those of Hugging Face's `tokenizers` 0.23 (`Fixtures/make_byte_pairs.py`).
@Suite struct BytePairTests {
  private struct Fixture: Decodable {
    struct Sample: Decodable {
      var text: String
      var tokens: [Int32]
    }
    var text: String
    var vocabularySize: Int
    var tokenizer: String
    var samples: [Sample]
  }

  private func fixture() throws -> Fixture {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/byte_pairs.json")
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: path))
  }

  @Test func trainingFindsTheSameTokens() throws {
    let fixture = try fixture()
    let own = try BytePairTokenizer(
      trainingOn: [Array(fixture.text.utf8)], vocabularySize: fixture.vocabularySize + 1)
    let theirs = try BytePairTokenizer(json: fixture.tokenizer)
    #expect(own.tokens.dropLast() == theirs.tokens[...])
    #expect(own.merges == theirs.merges)
  }

  @Test func textsHaveTheSameTokensAndComeBack() throws {
    let fixture = try fixture()
    let tokenizer = try BytePairTokenizer(json: fixture.tokenizer)
    for sample in fixture.samples {
      let tokens = tokenizer.encode(Array(sample.text.utf8))
      #expect(tokens == sample.tokens, "\(sample.text.debugDescription)")
      #expect(try tokenizer.decode(tokens) == sample.text)
    }
  }

  @Test func itsFormIsReadAgain() throws {
    let tokenizer = try BytePairTokenizer(json: fixture().tokenizer)
    let again = try StoredTokenizer.tokenizer(json: tokenizer.json)
    #expect(again as? BytePairTokenizer == tokenizer)
    let characters = CharacterTokenizer(text: "abc")
    #expect(
      try StoredTokenizer.tokenizer(json: characters.json) as? CharacterTokenizer == characters)
  }

  @Test func specialTokensAreDecodedAndNeverEncoded() throws {
    let name = BytePairTokenizer.endOfTextName
    let tokenizer = try BytePairTokenizer(
      trainingOn: [Array("\(name) \(name)".utf8)], vocabularySize: 260)
    let end = try #require(tokenizer.endOfText)
    let tokens = try tokenizer.encode("a\(name)")
    #expect(!tokens.contains(end))
    #expect(try tokenizer.decode(tokens + [end]) == "a\(name)\(name)")
    #expect(try StoredTokenizer.tokenizer(json: tokenizer.json) as? BytePairTokenizer == tokenizer)
  }

  /// Without words to break at, the work must not grow with the square of the length.
  @Test func longWordsAreMerged() throws {
    let tokenizer = try BytePairTokenizer(json: fixture().tokenizer)
    let word = String(repeating: "ban", count: 200_000)
    #expect(try tokenizer.decode(tokenizer.encode(word)) == word)
  }

  @Test(arguments: [
    ("{", "not the JSON"),
    ("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{},\"merges\":[]}}", "'WordPiece'"),
    (form("\"a\":0", "[]"), "no token is the byte"),
    (form("\"a\":5", "[]"), "token 5"),
    (form("\"a\":-1", "[]"), "token -1"),
    (form("\"a\":0,\"b\":0", "[]"), "token 0"),
    (form("\"a\":0", "[[\"a\"]]"), "a merge of 1"),
    (form("\"a\":0", "[\"a b\"]"), "no tokens"),
    (form("\" \":0", "[]"), "alphabet"),
  ])
  func whatIsNoTokenizerIsSaid(_ json: String, _ part: String) {
    let error = #expect(throws: StorageError.self) { try BytePairTokenizer(json: json) }
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
  }

  private static func form(_ vocabulary: String, _ merges: String) -> String {
    "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\(vocabulary)},"
      + "\"merges\":\(merges)}}"
  }

  @Test func sizesThatCannotBeAreSaid() {
    #expect(throws: StorageError.self) {
      try BytePairTokenizer(trainingOn: [], vocabularySize: 100)
    }
  }
}
