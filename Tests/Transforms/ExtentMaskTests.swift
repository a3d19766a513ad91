import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Elements beyond an extent are replaced, whatever they are.
@Suite struct ExtentMaskTests {
  /// What the sum, say, of the first elements is when the others are not numbers or limits.
  private func reduced(
    _ reduction: Reduction, _ element: ElementType, extent: Int, of numbers: [Double]
  ) throws -> HostArray {
    let inputs = [Type(element, [2, numbers.count]), Type(.int32, [])]
    var graph = Graph()
    for (index, type) in inputs.enumerated() { try graph.append(Input(index: index, type: type)) }
    let masked = try graph.masked(
      Value(node: 0), along: 1, extent: Value(node: 1),
      identity: reduction.maskIdentity(element))
    #expect(graph.type(of: masked) == inputs[0])
    let node = try graph.append(Reduce(reduction: reduction, dimensions: [1]), [masked])
    var entry = Entry(name: .step, graph: graph)
    entry.inputs = inputs.enumerated().map { EntryInput(name: "x\($0)", type: $1) }
    entry.results = [EntryResult(name: "y", value: Value(node: node))]
    let program = Program(entries: [entry])
    try program.verify()
    var interpreter = try Interpreter(program)
    let arrays = [
      HostArray(element, [2, numbers.count], numbers + numbers),
      HostArray(.int32, [], [Double(extent)]),
    ]
    let result = try #require(try interpreter.call(.step, arrays)["y"])
    // A region begins with the reduction's own identity, and `float8e4m3` has no infinity.
    guard element != .float8e4m3 else { return result }
    var lowered = try Interpreter(program.applying(Program.lowering))
    #expect(try lowered.call(.step, arrays)["y"] == result)
    return result
  }

  @Test(arguments: Reduction.allCases, ElementType.allCases)
  func onlyTheValidPartCounts(_ reduction: Reduction, _ element: ElementType) throws {
    let valid: [Double] = element == .bool ? [0, 1, 0] : [2, 1, 3]
    let beyond: [Double] = [.nan, .infinity, -.infinity, 3]
    for extent in 0...3 {
      let found = try reduced(reduction, element, extent: extent, of: valid + beyond)
      // An extent beyond all elements reads nothing beyond them.
      let whole = try reduced(
        reduction, element, extent: 1000, of: Array(valid.prefix(extent)))
      if extent > 0 || element != .float8e4m3 { #expect(found == whole, "extent \(extent)") }
    }
  }

  @Test func anExtentIsAnInt32Scalar() throws {
    var graph = Graph()
    try graph.append(Input(index: 0, type: Type(.float32, [4])))
    try graph.append(Input(index: 1, type: Type(.int64, [])))
    try graph.append(Input(index: 2, type: Type(.int32, [])))
    for (dimension, extent) in [(0, 0), (0, 1), (1, 2), (-1, 2)] {
      #expect(throws: ShapeError.self) {
        try graph.masked(
          Value(node: 0), along: dimension, extent: Value(node: extent), identity: 0)
      }
    }
    #expect(graph.nodes.count == 3)
  }
}
