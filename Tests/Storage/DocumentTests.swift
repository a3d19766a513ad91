import DeepEPStorage
import Testing

/// Documents come from files, from lines of JSON, and from folders of both.
@Suite struct DocumentTests {
  private func texts(_ documents: Documents) -> [String] {
    documents.texts.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func aFileIsOneDocument() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array("one\ntwo".utf8), to: "notes")
    #expect(try texts(Documents(path)) == ["one\ntwo"])
  }

  @Test func linesOfJSONAreDocuments() throws {
    let folder = try TemporaryFolder()
    let lines = #"{"text": "one\n", "id": 3}"# + "\n\n" + #"{"text": "zwö"}"# + "\n"
    let path = try folder.write(Array(lines.utf8), to: "notes.jsonl")
    #expect(try texts(Documents(path)) == ["one\n", "zwö"])
  }

  @Test(arguments: ["{\"text\": 3}", "[1]", "{\"text\": \"a\"", "{\"words\": \"a\"}", "\"a\""])
  func aLineThatIsNoDocumentIsNamed(_ line: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array("{\"text\": \"a\"}\n\(line)\n".utf8), to: "notes.jsonl")
    let error = #expect(throws: StorageError.self) { try Documents(path) }
    #expect(error?.place == "\(path), line 2")
  }

  @Test func aFolderIsReadInOrder() throws {
    let folder = try TemporaryFolder()
    for (name, text) in [("b.txt", "b"), ("a.md", "a"), ("c.png", "no"), (".d.txt", "no")] {
      _ = try folder.write(Array(text.utf8), to: name)
    }
    _ = try folder.write(Array("{\"text\": \"c\"}".utf8), to: "c.jsonl")
    #expect(try texts(Documents(folder.path)) == ["a", "b", "c"])
    #expect(try Documents(folder.path).joined == Array("a\nb\nc".utf8))
  }

  @Test func emptyFilesAndMarksOfByteOrderAreLeftOut() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write([], to: "a.txt")
    let path = try folder.write([0xEF, 0xBB, 0xBF] + Array("b".utf8), to: "b.txt")
    #expect(try texts(Documents(folder.path)) == ["b"])
    #expect(try texts(Documents(path)) == ["b"])
  }

  @Test func aFolderWithoutTextsIsSaid() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write([1], to: "a.png")
    let error = #expect(throws: StorageError.self) { try Documents(folder.path) }
    #expect(error?.what == "no text in this folder" && error?.place == folder.path)
  }

  @Test func documentsAreSeparatedByTheirToken() throws {
    let folder = try TemporaryFolder()
    for name in ["a.txt", "b.txt"] { _ = try folder.write(Array("a".utf8), to: name) }
    let documents = try Documents(folder.path)
    let pairs = try BytePairTokenizer(trainingOn: documents.texts, vocabularySize: 257)
    let end = try #require(pairs.endOfText)
    let a = try pairs.encode("a")
    #expect(try pairs.encode(documents) == a + [end] + a)
    let characters = CharacterTokenizer(textBytes: documents.joined)
    #expect(try characters.encode(documents) == characters.encode("a\na"))
  }
}
