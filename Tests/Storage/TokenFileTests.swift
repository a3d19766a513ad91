import DeepEPElements
import DeepEPStorage
import Foundation
import Testing

/// Texts are tokenised once; what is kept is the same as what would be made, or is made again.
@Suite struct TokenFileTests {
  /// A text that is large enough to be kept.
  private static func text(_ character: Character = "a", count: Int = 1 << 20) -> [UInt8] {
    Array("\(character) brown fox, pack my box with jugs\n".utf8.cycled(to: count))
  }

  private func made(
    _ path: String, _ choice: TokenizerChoice = .characters, in folder: TemporaryFolder
  ) throws -> (texts: TokenizedTexts, notices: [StorageError]) {
    var notices: [StorageError] = []
    let texts = try TokenizedTexts([path], choice, cache: .folder(folder.path)) {
      notices.append($0)
    }
    return (texts, notices)
  }

  @Test(arguments: [TokenizerChoice.characters, .bytes, .bytePairs(300)])
  func theSecondStartFindsTheTokens(_ choice: TokenizerChoice) throws {
    let (folder, cache) = (try TemporaryFolder(), try TemporaryFolder())
    let path = try folder.write(Self.text(), to: "text")
    let first = try made(path, choice, in: cache)
    let second = try made(path, choice, in: cache)
    #expect(!first.texts.areReused && second.texts.areReused)
    #expect(cache.names.count == 1)
    let expected = try choice.tokenizer(for: [Documents(path)]).encode(Documents(path))
    for texts in [first.texts, second.texts] {
      #expect(Array(texts.texts[0]) == expected)
      #expect(texts.texts[0].array(5..<99) == Array(expected[5..<99]))
      #expect(try texts.tokenizer.json == choice.tokenizer(for: [Documents(path)]).json)
    }
    let loaders = try [expected, Array(second.texts.texts[0])].map {
      try TextLoader(
        tokens: $0, tokenizer: second.texts.tokenizer, sequenceLength: 8, batchSize: 3)
    }
    #expect(try loaders[0].batch(atExample: 1000) == loaders[1].batch(atExample: 1000))
    #expect(loaders[0].fingerprint() == loaders[1].fingerprint())
  }

  @Test func whatHasChangedIsMadeAgain() throws {
    let (folder, cache) = (try TemporaryFolder(), try TemporaryFolder())
    let path = try folder.write(Self.text(), to: "text")
    _ = try made(path, in: cache)
    try folder.write(Self.text("b"), to: "text")
    let changed = try made(path, in: cache).texts
    let bytes = try made(path, .bytes, in: cache).texts
    #expect(!changed.areReused && !bytes.areReused)
    #expect(cache.names.count == 3)
    try folder.write(Self.text(), to: "other")
    #expect(try made(folder.file("other"), in: cache).texts.areReused)
    // Another meaning of the same bytes.
    try folder.write(Self.text(), to: "lines.jsonl")
    #expect(throws: StorageError.self) { try made(folder.file("lines.jsonl"), in: cache) }
  }

  @Test func smallTextsAndNoCacheLeaveNothing() throws {
    let (folder, cache) = (try TemporaryFolder(), try TemporaryFolder())
    let path = try folder.write(Self.text(count: 1000), to: "text")
    #expect(try made(path, in: cache).texts.path == nil)
    let large = try folder.write(Self.text(), to: "large")
    #expect(try TokenizedTexts([large], cache: .off).path == nil)
    // A folder that cannot be: no error, only slower.
    let nowhere = try TokenizedTexts([large], cache: .folder("/proc/nothing"))
    #expect(nowhere.path == nil && nowhere.texts[0].count == 1 << 20)
    #expect(cache.names == [])
  }

  /// Damaged in every way, the file is named, and made again.
  @Test func whatIsDamagedIsMadeAgain() throws {
    let (folder, cache) = (try TemporaryFolder(), try TemporaryFolder())
    let path = try folder.write(Self.text(), to: "text")
    let first = try made(path, in: cache).texts
    let name = cache.names[0]
    let whole = try SafetensorsFile(cache.file(name))
    let good = try bytes(cache.file(name))
    var flipped = good
    flipped[good.count - 1000] ^= 1
    for (bad, expected) in [
      (Array(good.dropLast()), "cut short"), (flipped, "not that of its checksum"),
      ([], "not a safetensors file"), (Array("{}".utf8), "not a safetensors file"),
      (try rewritten(whole, ["deepep.tokens": "2"]), "format version 2, known are 1 to 1"),
      (try rewritten(whole, ["deepep.source": "0"]), "not that of its checksum"),
      (try rewritten(whole, ["deepep.tokenizer": "{}"]), "not that of its checksum"),
      (try rewritten(whole, ["deepep.tokens": nil]), "its version is missing"),
      (try rewritten(whole, ["deepep.xxh64": nil]), "'deepep.xxh64' is missing"),
    ] {
      try cache.write(bad, to: name)
      let again = try made(path, in: cache)
      #expect(!again.texts.areReused)
      let notice = "\(again.notices)"
      #expect(again.notices.count == 1 && notice.contains(expected), "\(notice) \(expected)")
      #expect(again.notices.first?.place.contains(name) == true)
      #expect(Array(again.texts.texts[0].prefix(99)) == Array(first.texts[0].prefix(99)))
      #expect(try made(path, in: cache).texts.areReused)
    }
  }

  /// The bytes of a file with other metadata.
  private func rewritten(
    _ file: SafetensorsFile, _ changes: [String: String?]
  ) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    var metadata = file.metadata
    for (key, value) in changes { metadata[key] = value }
    let tensors = file.tensors.map { tensor in
      TensorToWrite(tensor.name, tensor.element, tensor.shape) { try tensor.withBytes($0) }
    }
    try SafetensorsWriter.write(tensors, metadata: metadata, to: folder.file("x"))
    return try bytes(folder.file("x"))
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test func filesThatNobodyUsesGo() throws {
    let (folder, cache) = (try TemporaryFolder(), try TemporaryFolder())
    for (name, days) in [("old.tokens", 31), ("new.tokens", 29), ("other", 99)] {
      try cache.write([1], to: name)
      var times = [timespec](
        repeating: timespec(tv_sec: time(nil) - days * 24 * 3600, tv_nsec: 0), count: 2)
      utimensat(AT_FDCWD, cache.file(name), &times, 0)
    }
    _ = try made(folder.write(Self.text(), to: "text"), in: cache)
    #expect(cache.names.contains("new.tokens") && cache.names.contains("other"))
    #expect(!cache.names.contains("old.tokens") && cache.names.count == 3)
  }

  /// A token that the vocabulary does not have is found when it is used.
  @Test func tokensOutOfRangeAreNamed() throws {
    let folder = try TemporaryFolder()
    let tokenizer = CharacterTokenizer(text: "abc")
    try TokenFile.write(
      [[Int32](repeating: 2, count: 90) + [7, 1, 1]], by: tokenizer, source: "s",
      to: folder.file("t"))
    let loader = try TextLoader(
      TokenFile(folder.file("t")).texts[0], tokenizer: tokenizer, sequenceLength: 2, batchSize: 1)
    let error = #expect(throws: StorageError.self) { try loader.validationBatch(0) }
    #expect(error?.what == "token 7 is not in the vocabulary of 3")
    #expect(error?.place == "tokens, token 90")
  }

  /// Vectors of the reference implementation.
  @Test(arguments: [
    ("", "ef46db3751d8e999"), ("a", "d24ec4f1a98c6e5b"), ("abc", "44bc2cf5ad770999"),
    ("asdf", "415872f599cea71e"),
    ("Call me Ishmael. Some years ago--never mind how long precisely-", "02a2e85470d6fd96"),
  ])
  func theChecksumIsThatOfOthers(_ text: String, _ expected: String) {
    #expect(XXH64(text).hexadecimal == expected)
  }
}

extension String.UTF8View {
  /// The bytes over and over.
  fileprivate func cycled(to count: Int) -> [UInt8] {
    let bytes = Array(self)
    return (0..<count).map { bytes[$0 % bytes.count] }
  }
}
