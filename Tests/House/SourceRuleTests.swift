import Testing

@Suite struct SourceRuleTests {
  @Test func sourcesKeepTheRules() throws {
    let files = try SourceTree.swiftFiles(in: "Sources")
    #expect(files.count > 100)
    for file in files { #expect(SourceRule.offences(in: file) == []) }
  }

  @Test(arguments: [
    "let x = try! f()", "let y = x as! Int", "default: fatalError(\"never\")",
    "swiftSettings: [.unsafeFlags([])]", "\nfinal class A: @unchecked Sendable {}",
  ])
  func offencesAreFound(_ text: String) {
    #expect(SourceRule.offences(in: SourceFile(path: "Sources/A/B.swift", text: text)).count == 1)
  }

  @Test(arguments: [
    "let x = try? f()  // not try!", "/// Never calls fatalError().", "let was = canvas",
    "// Only read after the start.\nfinal class A: @unchecked Sendable {}",
  ])
  func otherCodeIsLeftAlone(_ text: String) {
    #expect(SourceRule.offences(in: SourceFile(path: "Sources/A/B.swift", text: text)) == [])
  }

  @Test(arguments: ["unsafeFlags", "enableExperimentalFeature", ".package(", "binaryTarget"])
  func thePackageNeedsNothingSpecial(_ word: String) throws {
    #expect(!(try SourceTree.text("Package.swift").contains(word)))
  }

  /// Otherwise the lists of imports would not be all that a target can import.
  @Test func dependenciesAreTheListsOfImports() throws {
    let text = try SourceTree.text("Package.swift")
    let end = try #require(text.firstRange(of: "let package = ")).lowerBound
    let functions = text[..<end]
    let listed = #"dependencies: imports.map { .init(stringLiteral: "DeepEP" + $0) }"#
    #expect(functions.ranges(of: "dependencies:").count == functions.ranges(of: listed).count)
  }
}
