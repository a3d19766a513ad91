import Testing

/// The tests of the house see what they should.
@Suite struct ReadingTests {
  private let frame = "let package = Package(\n  targets: [\n%\n  ]\n)\n"

  private func manifest(_ targets: String) throws -> Manifest {
    let parts = frame.split(separator: "%")
    return try Manifest(String(parts[0]) + targets + String(parts[1]))
  }

  @Test func targetsAreRead() throws {
    let text = """
          module("A"),
          module(
            "B",
            imports: [
              "A", "C",
            ]),
          shim("D", imports: ["SystemE"]),
          .executableTarget(
            name: "E", dependencies: ["DeepEP"], path: "Examples/E",
            swiftSettings: [.treatAllWarnings(as: .error)]),
          tests("B", imports: ["B"], exclude: ["Fixtures"]),
      """
    let manifest = try manifest(text)
    #expect(
      manifest.targets == [
        .init(kind: "module", name: "A", imports: []),
        .init(kind: "module", name: "B", imports: ["A", "C"]),
        .init(kind: "shim", name: "SystemD", imports: ["SystemE"]),
        .init(kind: "example", name: "E", imports: ["DeepEP"]),
        .init(kind: "tests", name: "B", imports: ["B"]),
      ])
  }

  @Test(arguments: [".target(name: \"A\")", "module(\"A\", imports: [\"B\"] + more)"])
  func unknownFormsAreErrors(_ text: String) {
    #expect(throws: Manifest.FormatError.self) { try manifest(text) }
  }

  @Test func importLinesAreRead() {
    let text = """
      // import Nothing
      import A
      @testable import B
      @_exported public import C
      package import struct D.E
      @preconcurrency import F  // for now
      let important = "import"
      """
    let file = SourceFile(path: "Sources/Tensors/Graph/X.swift", text: text)
    #expect(file.target == "Tensors")
    #expect(file.imports.map(\.module) == ["A", "B", "C", "D", "F"])
    #expect(file.imports.map(\.line) == [2, 3, 4, 5, 6])
  }

  @Test func pathsAndCyclesAreFound() {
    let graph = ImportGraph(imports: ["A": ["B"], "B": ["C"], "C": [], "D": ["E"], "E": ["D"]])
    #expect(graph.reachable(from: "A") == ["B", "C"])
    #expect(graph.cyclic == ["D", "E"])
    #expect(graph.connections(among: ["A", "C", "D"]) == ["A reaches C"])
  }
}
