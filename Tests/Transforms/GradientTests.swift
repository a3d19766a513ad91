import DeepEPTensors
import DeepEPTransforms
import Testing

/// What ``Gradient`` and ``Expand`` make of an entry.
@Suite struct GradientTests {
  private static let slot =
    #"slot w : float64[3] {"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":true,"kind":"parameter"}"#
  private static let frozen =
    #"slot f : float64[3] {"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":false,"kind":"statistic"}"#

  private func differentiated(_ lines: String, slots: [String] = [slot]) throws -> Program {
    let text = (slots + ["entry evaluate", "argument x : float64[3]", lines]).joined(
      separator: "\n")
    return try Program(text: text).applying([Gradient(), Simplify()])
  }

  @Test func theStepReturnsTheLossAndAGradientOfEachTrainableSlot() throws {
    let program = try differentiated(
      """
      %0 = input() {"index":0,"type":"float64[3]"} : float64[3]
      %1 = read() {"slot":0,"type":"float64[3]"} : float64[3]
      %2 = read() {"slot":1,"type":"float64[3]"} : float64[3]
      %3 = multiply(%0, %1) : float64[3]
      %4 = multiply(%3, %2) : float64[3]
      %5 = reduce(%4) {"dimensions":[0],"reduction":"sum"} : float64[]
      return loss %5
      """, slots: [Self.slot, Self.frozen])
    let step = try #require(program.entry(.step))
    #expect(step.results.map(\.name) == ["loss", "w"])
    // The gradient by w is x times f: nothing else is left.
    #expect(
      step.description.contains("%6 = multiply(%2, %0) : float64[3] // weightGradient -"),
      "\(step)")
    #expect(program.entry(.evaluate) != nil)
  }

  @Test func aSlotThatTheLossDoesNotUseHasAGradientOfZero() throws {
    let program = try differentiated(
      """
      %0 = input() {"index":0,"type":"float64[3]"} : float64[3]
      %1 = read() {"slot":0,"type":"float64[3]"} : float64[3]
      %2 = floor(%1) : float64[3]
      %3 = add(%0, %2) : float64[3]
      %4 = reduce(%3) {"dimensions":[0],"reduction":"sum"} : float64[]
      return loss %4
      """)
    var interpreter = try Interpreter(program)
    let ones = HostArray(.float64, [3], [1, 1, 1])
    #expect(try interpreter.call(.step, [ones])["w"]?.doubles == [0, 0, 0])
  }

  @Test func gradientsByInputsAndByWeightsAreToldApart() throws {
    let program = try differentiated(
      """
      %0 = input() {"index":0,"type":"float64[3]"} : float64[3]
      %1 = read() {"slot":0,"type":"float64[3]"} : float64[3]
      %2 = add(%0, %1) : float64[3]
      %3 = exponential(%2) : float64[3] // forward head 7 Model.swift
      %4 = multiply(%3, %1) : float64[3]
      %5 = reduce(%4) {"dimensions":[0],"reduction":"sum"} : float64[]
      return loss %5
      """)
    let nodes = try #require(program.entry(.step)).graph.nodes
    #expect(Set(nodes.map(\.origin.phase)) == [.forward, .inputGradient, .weightGradient])
    let travelling = nodes.filter { $0.origin.phase == .inputGradient }
    #expect(travelling.contains { $0.origin.path == "head" && $0.origin.source?.line == 7 })
  }

  @Test func aLossThatIsNoNumberIsRefused() {
    #expect(throws: ShapeError.self) {
      try differentiated(
        """
        %0 = input() {"index":0,"type":"float64[3]"} : float64[3]
        return loss %0
        """)
    }
    #expect(throws: ShapeError.self) { try Gradient().apply(Program()) }
  }

  @Test func compositesBecomeTheirBodies() throws {
    let entry = EntryText(
      inputs: ["float64[2, 3]"],
      "%1 = softmax(%0) after(%0) : float64[2, 3] // inputGradient h.0\nreturn y %1")
    let program = try entry.after(Expand())
    #expect(
      program.operations == [
        "reduce", "broadcast", "subtract", "exponential", "reduce", "broadcast", "divide",
      ])
    let nodes = program.entries[0].graph.nodes.dropFirst()
    #expect(nodes.allSatisfy { $0.origin.path == "h.0" && $0.controls == [0] })
    #expect(
      try entry.after(Expand(keeps: { composite, _ in composite is Softmax })).operations == [
        "softmax"
      ])
  }
}
