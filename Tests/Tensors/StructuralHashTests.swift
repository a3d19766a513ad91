import DeepEPTensors
import Testing

/// The hash of a program says what is computed: ranks compare it before a program's first use.
@Suite struct StructuralHashTests {
  private func hash(_ changes: (String) -> String = { $0 }) throws -> UInt64 {
    let text = """
      slot weight : float32[2, 3] {"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":true,"kind":"parameter"}
      entry step
        argument x : float32[2, 3]
        %0 = input() {"index":0,"type":"float32[2, 3]"} : float32[2, 3] // forward block 3 Model.swift
        %1 = read() {"slot":0,"type":"float32[2, 3]"} : float32[2, 3]
        %2 = add(%0, %1) : float32[2, 3]
        %3 = reduce(%2) {"dimensions":[0],"reduction":"sum"} : float32[3]
        update 0 %2
        return y %3
      """
    return try Program(text: changes(text)).structuralHash
  }

  private func changed(_ from: String, _ to: String) -> (String) -> String {
    { text in
      text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        line.split(separator: from, omittingEmptySubsequences: false).joined(separator: to)
      }.joined(separator: "\n")
    }
  }

  /// The number was found by another implementation of FNV-1a, in Python, from the same words.
  @Test func isTheSameInEveryProcess() throws {
    #expect(try hash() == 0x153ae7f2b1d85b3f)
  }

  @Test(arguments: [
    ("slot weight", "slot bias"), ("argument x", "argument other"), ("return y", "return z"),
    (" // forward block 3 Model.swift", ""),
  ]) func ignoresNamesAndOrigins(_ from: String, _ to: String) throws {
    #expect(try hash(changed(from, to)) == hash())
  }

  @Test(
    arguments: [
      ("add", "subtract"), ("[0],\"reduction\":\"sum\"", "[0],\"reduction\":\"maximum\""),
      ("(%0, %1)", "(%1, %0)"), ("(%2) {", "(%1) {"), ("%3 = reduce(%2) {", "%3 = reduce(%2) {"),
      ("} : float32[3]", "} after(%0) : float32[3]"), ("float32", "float64"),
      ("update 0 %2", "update 0 %0"), ("return y %3", "return y %2"),
    ].filter { $0.0 != $0.1 }) func seesWhatIsComputed(_ from: String, _ to: String) throws
  {
    #expect(try hash(changed(from, to)) != hash())
  }

  @Test func isTheSameAfterPrintingAndParsing() throws {
    let program = EveryOperation.program
    #expect(try Program(text: program.description).structuralHash == program.structuralHash)
  }
}
