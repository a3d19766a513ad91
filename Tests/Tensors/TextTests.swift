import DeepEPElements
import DeepEPTensors
import Testing

/// The text form of programs: what is printed can be read, and what cannot be read says why.
@Suite struct TextTests {
  @Test func everyOperationSurvivesPrintingAndParsing() throws {
    let program = EveryOperation.program
    let text = program.description
    let again = try Program(text: text)
    #expect(again.description == text)
    #expect(again.slots == program.slots)
    let (nodes, known) = (program.entries[0].graph.nodes, again.entries[0].graph.nodes)
    #expect(nodes.count == known.count)
    for (node, copy) in zip(nodes, known) {
      #expect(node.types == copy.types && node.origin == copy.origin)
      #expect(node.operands == copy.operands && node.controls == copy.controls)
    }
  }

  @Test func theProgramHasEveryRowOfTheTable() {
    let used = Set(EveryOperation.program.entries[0].graph.nodes.map(\.operation.name))
    #expect(OperationTable.standard.names.subtracting(used).isEmpty)
  }

  @Test func programsReadWell() throws {
    let text = """
      slot w : float32[3] {"axes":["embed"],"initializer":{"constant":{"_0":1}},"isTrainable":true,"kind":"parameter"}
      entry step
        argument x : float32[3]
        %0 = input() {"index":0,"type":"float32[3]"} : float32[3]
        %1 = read() {"slot":0,"type":"float32[3]"} : float32[3]
        %2 = multiply(%0, %1) after(%1) : float32[3] // forward h.0 12 Model.swift
        update 0 %2
        return y %2

      """
    #expect(try Program(text: text).description == text)
  }

  @Test(arguments: [
    ("%0 = input()", 1, "expected 'slot' or 'entry'"),
    ("entry other", 1, "'other' is no entry"),
    ("entry step\n  %1 = read()", 2, "expected node %0"),
    ("entry step\n\n  %0 = nothing() : float32[]", 3, "'nothing' is no operation"),
    ("entry step\n  %0 = iota() : float32[2]", 2, "the attributes cannot be read"),
    ("entry step\n  %0 = iota() {\"dimension\":0", 2, "a brace is not closed"),
    ("entry step\n  %0 = exponential( : float32[]", 2, "expected '%' before ': float32[]'"),
    ("entry step\n  argument x : float33[2]", 2, "'float33' is no element type"),
    ("entry step\n  argument x : float32[2] more", 2, "unexpected 'more'"),
    ("slot w : float32[2 3]", 1, "expected ',' before '3]'"),
    ("slot w : float32[x]", 1, "expected a number before 'x]'"),
    ("slot w : float32[2] {}", 1, "the attributes cannot be read"),
    ("entry step\n  return y", 2, "expected '%' before ''"),
  ]) func mistakesNameTheLine(_ text: String, _ line: Int, _ problem: String) {
    let error = #expect(throws: TextError.self) { try Program(text: text) }
    #expect(error?.line == line)
    #expect(error?.problem.starts(with: problem) ?? false, "\(error?.problem ?? "")")
  }
}
