import Testing

/// What documents say of the repository is so.
@Suite struct DocumentTests {
  @Test(arguments: [".", "docs", "Benchmarks"])
  func filesThatAreNamedExist(_ folder: String) throws {
    for document in try SourceTree.documents(in: folder) { try checkPaths(in: document) }
  }

  private func checkPaths(in document: String) throws {
    let text = try SourceTree.text(document)
    let named = /`((?:Sources|Tests|Benchmarks|Examples|Scripts|docs)\/[^`\s]*)`/
    for match in text.matches(of: named) {
      #expect(SourceTree.exists(String(match.1)), "\(document) names \(match.1)")
    }
  }

  /// The rows of the table in `docs/architecture.md` are those that are tested.
  @Test func theTableInTheTourIsTheTable() throws {
    let text = try SourceTree.text("docs/architecture.md")
    let row = /\| \*?`(\w+)`\*?(?:, `(\w+)`)? \|.*/
    var documented: [String] = []
    for line in text.split(separator: "\n") {
      guard let match = line.wholeMatch(of: row) else { continue }
      documented.append(String(match.1))
      if let second = match.2 { documented.append(String(second)) }
    }
    let rows = ModuleTable.rows.map(\.name).filter { !ModuleTable.isShim($0) }
    #expect(documented == rows)
  }

  /// The data in the README are those of a test.
  @Test func theReadmeShowsTestedData() throws {
    let readme = try SourceTree.text("README.md")
    let data = try #require(readme.firstMatch(of: /```swift\n(struct Sums[^`]*)```/)).1
    #expect(try SourceTree.text("Tests/Training/OwnDataTests.swift").contains(data))
  }

  /// The code in the README is what the build compiles.
  @Test(arguments: ["Examples/TinyGPT/TinyGPT.swift", "Examples/Lessons/SquaredReLU.swift"])
  func theReadmeShowsTheExamples(_ path: String) throws {
    let example = try SourceTree.text(path)
    #expect(try SourceTree.text("README.md").contains("```swift\n\(example)```\n"))
  }
}
