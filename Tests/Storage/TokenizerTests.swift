import DeepEPStorage
import Testing

@Suite struct TokenizerTests {
  let text = "hello, wörld 日本 😀\n"

  @Test func theVocabularyIsSortedAndDistinct() {
    let tokenizer = CharacterTokenizer(text: text)
    #expect(tokenizer.vocabulary == Array("\n ,dehlorwö日本😀".unicodeScalars))
    #expect(tokenizer.vocabularySize == 14)
  }

  @Test func textComesBack() throws {
    let tokenizer = CharacterTokenizer(text: text)
    let tokens = try tokenizer.encode(text)
    #expect(tokens.count == text.unicodeScalars.count)
    #expect(try tokenizer.decode(tokens) == text)
    #expect(try CharacterTokenizer(text: "abc").encode("cab") == [2, 0, 1])
    #expect(try tokenizer.encode("").isEmpty)
  }

  @Test func namesTheUnknownCharacterAndItsPosition() throws {
    let tokenizer = CharacterTokenizer(text: "aé")
    let ascii = #expect(throws: StorageError.self) { try tokenizer.encode("aéxy") }
    #expect(ascii?.what == "the vocabulary of 2 characters lacks \"x\" (U+0078)")
    #expect(ascii?.place == "character 2")
    let other = #expect(throws: StorageError.self) { try tokenizer.encode("é日") }
    #expect(other?.place == "character 1")
    let control = #expect(throws: StorageError.self) { try tokenizer.encode("\n") }
    #expect(control?.what.contains("\"\\n\" (U+000A)") == true)
  }

  @Test(arguments: [-1, 3, Int32.max, Int32.min]) func namesAnUnknownToken(_ token: Int32) {
    let tokenizer = CharacterTokenizer(text: "abc")
    let error = #expect(throws: StorageError.self) { try tokenizer.decode([0, token]) }
    #expect(error?.what == "there is no token \(token)")
    #expect(error?.place == "token 1")
  }

  @Test func theJSONFormComesBack() throws {
    let tokenizer = CharacterTokenizer(text: text + "\"\\/\u{1}")
    #expect(try CharacterTokenizer(json: tokenizer.json) == tokenizer)
    #expect(
      try CharacterTokenizer(text: "ba").json
        == #"{"type":"characters","version":1,"vocabulary":"ab"}"#)
  }

  @Test(arguments: [
    (#"{"type":"characters","version":2,"vocabulary":"ab"}"#, "format version 2, known are 1 to 1"),
    (#"{"type":"characters","version":0,"vocabulary":"ab"}"#, "format version 0"),
    (#"{"type":"words","version":1,"vocabulary":"ab"}"#, "the type 'words'"),
    (#"{"type":"characters","version":1,"vocabulary":"ba"}"#, "not sorted"),
    (#"{"type":"characters","version":1,"vocabulary":"aa"}"#, "repetitions"),
    (#"{"type":"characters","version":1}"#, "not the JSON of a tokenizer"),
    ("", "not the JSON of a tokenizer"),
  ])
  func badJSONIsAnError(_ json: String, _ expected: String) {
    let error = #expect(throws: StorageError.self) { try CharacterTokenizer(json: json) }
    #expect(error?.what.contains(expected) == true, "\(String(describing: error))")
  }
}

@Suite struct TextFileTests {
  @Test func readsText() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array("ä\u{FEFF}\0b".utf8), to: "text")
    #expect(try TextFile(path).text == "ä\u{FEFF}\0b")
    let large = [UInt8](repeating: 0x61, count: 1_000_001)
    #expect(try TextFile(folder.write(large, to: "large")).bytes == large)
  }

  @Test func saysWhyAFileCannotBeRead() throws {
    let folder = try TemporaryFolder()
    let empty = try folder.write([], to: "empty")
    let reasons = [
      (folder.file("none"), "No such file"), (folder.path, "this is a folder"),
      (empty, "the file is empty"), ("/dev/zero", "not a regular file"), ("", "not a path"),
      ("\(empty)/x", "Not a directory"), ("/proc/self/mem", "Input/output error"),
    ]
    for (path, reason) in reasons {
      let error = #expect(throws: StorageError.self) { try TextFile(path) }
      #expect(error?.what.contains(reason) == true, "\(String(describing: error))")
      #expect(error?.place.hasPrefix(path) == true)
    }
  }

  static let badTexts: [([UInt8], Int)] = [
    ([0x61, 0x62, 0xFF], 2), ([0x80], 0), ([0x61, 0xC3], 1), ([0xC3, 0xA9, 0xE6, 0x97, 0x61], 2),
    ([0x61, 0xED, 0xA0, 0x80], 1), ([0xC0, 0xAF], 0), ([0x61, 0x61, 0xF4, 0x90, 0x80, 0x80], 2),
  ]

  @Test(arguments: badTexts)
  func namesTheFirstBadByte(_ bytes: [UInt8], _ offset: Int) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "bad")
    let error = #expect(throws: StorageError.self) { try TextFile(path) }
    #expect(error?.what.hasSuffix("at offset \(offset)") == true, "\(String(describing: error))")
  }
}
