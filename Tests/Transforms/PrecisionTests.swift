import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPTensors
import DeepEPTransforms
import Testing

/// What becomes narrow, and what does not.
@Suite struct PrecisionTests {
  private let narrow = MixedPrecision(.bfloat16)

  /// The body of an entry of float32 inputs `[2, 3]`, `[3, 4]` and `[2, 4]` after the transform.
  private func body(_ lines: String) throws -> [String] {
    let inputs = ["float32[2, 3]", "float32[3, 4]", "float32[2, 4]"]
    return try EntryText(inputs: inputs, lines).program().applying([narrow, Simplify()]).body
  }

  @Test func aContractionReadsAndYieldsNarrowFloats() throws {
    let found = try body(
      """
      %3 = dot(%0, %1) {"labels":"ab,bc->ac"} : float32[2, 4]
      %4 = add(%3, %2) : float32[2, 4]
      return y %4
      """)
    #expect(
      found == [
        #"%3 = convert(%0) {"element":"bfloat16"} : bfloat16[2, 3]"#,
        #"%4 = convert(%1) {"element":"bfloat16"} : bfloat16[3, 4]"#,
        #"%5 = dot(%3, %4) {"labels":"ab,bc->ac"} : bfloat16[2, 4]"#,
        #"%6 = convert(%5) {"element":"float32"} : float32[2, 4]"#,
        "%7 = add(%6, %2) : float32[2, 4]", "return y %7",
      ])
  }

  /// What one contraction hands to another one is not widened in between, whatever moves it.
  @Test func narrowFloatsFlowFromOneContractionToTheNext() throws {
    let found = try body(
      """
      %3 = dot(%0, %1) {"labels":"ab,bc->ac"} : float32[2, 4]
      %4 = reshape(%3) {"shape":[2, 2, 2]} : float32[2, 2, 2]
      %5 = slice(%4) {"sizes":[2, 1, 2],"starts":[0, 1, 0]} : float32[2, 1, 2]
      %6 = reshape(%5) {"shape":[2, 2]} : float32[2, 2]
      %7 = dot(%6, %6) {"labels":"ab,cb->ac"} : float32[2, 2]
      return y %7
      """)
    #expect(found.filter { $0.contains("convert") && $0.contains("float32") }.count == 1)
    #expect(found.contains { $0.contains("slice") && $0.contains(": bfloat16[2, 1, 2]") })
  }

  /// All users of a rounded value read that one, so that the other need not be kept.
  @Test func aValueIsKeptInOneForm() throws {
    let found = try body(
      """
      %3 = exponential(%0) : float32[2, 3]
      %4 = dot(%3, %1) {"labels":"ab,bc->ac"} : float32[2, 4]
      %5 = multiply(%3, %3) : float32[2, 3]
      return y %4
      return z %5
      """)
    #expect(
      found == [
        "%2 = exponential(%0) : float32[2, 3]",
        #"%3 = convert(%2) {"element":"bfloat16"} : bfloat16[2, 3]"#,
        #"%4 = convert(%3) {"element":"float32"} : float32[2, 3]"#,
        #"%5 = convert(%1) {"element":"bfloat16"} : bfloat16[3, 4]"#,
        #"%6 = dot(%3, %5) {"labels":"ab,bc->ac"} : bfloat16[2, 4]"#,
        #"%7 = convert(%6) {"element":"float32"} : float32[2, 4]"#,
        "%8 = multiply(%4, %4) : float32[2, 3]", "return y %7", "return z %8",
      ])
  }

  /// A concatenation of narrow parts is made of them as they are.
  @Test func narrowPartsArePutTogetherAsTheyAre() throws {
    let found = try body(
      """
      %3 = dot(%0, %1) {"labels":"ab,bc->ac"} : float32[2, 4]
      %4 = dot(%0, %1) {"labels":"ab,bd->ad"} : float32[2, 4]
      %5 = concatenate(%3, %4) {"dimension":0} : float32[4, 4]
      %6 = dot(%5, %5) {"labels":"ab,cb->ac"} : float32[4, 4]
      return y %6
      """)
    #expect(found.contains { $0.contains("concatenate") && $0.contains(": bfloat16[4, 4]") })
  }

  @Test func float32StaysAsItIs() throws {
    let program = try gpt()
    #expect(try MixedPrecision(.float32).apply(program).description == program.description)
  }

  // MARK: A model

  private func gpt() throws -> Program {
    let model = GPT2(GPT2Configuration(vocabulary: 11, context: 6, width: 8, layers: 2, heads: 2))
    let inputs = ["ids", "targets"].map { EntryInput(name: $0, type: Type(.int32, [2, 5])) }
    var program = Program()
    try program.trace(.evaluate, inputs: inputs, parameters: model.parameters) { inputs in
      [("loss", model(inputs[0]).crossEntropy(labels: inputs[1]).mean())]
    }
    return try program.applying([Gradient()])
  }

  private static let elementwise: Set = [
    "convert", "dot", "reshape", "transpose", "slice", "named",
  ]

  /// Weights are rounded once, gradients by weights not at all, and nothing but movement and
  /// contractions sees narrow floats.
  @Test func aModelComputesOnlyContractionsInNarrowFloats() throws {
    let program = try gpt().applying([Expand(), narrow])
    let step = try #require(program.entry(.step))
    #expect(program.slots.allSatisfy { $0.type.element == .float32 })
    #expect(step.results.allSatisfy { step.graph.type(of: $0.value).element == .float32 })
    var casts: [Value: Int] = [:]
    for node in step.graph.nodes {
      let elements = step.graph.types(of: node.operands).map(\.element)
      if node.operation is Dot {
        #expect(elements == [.bfloat16, .bfloat16])
        // Queries, keys and values are rounded with their bias.
        let hasBias = node.origin.phase == .forward && node.types[0].shape.last == 3 * 8
        let isWhole = node.origin.phase == .weightGradient || hasBias
        #expect(node.types[0].element == (isWhole ? .float32 : .bfloat16))
      } else if (elements + node.types.map(\.element)).contains(.bfloat16) {
        #expect(Self.elementwise.contains(node.operation.name), "\(node.operation.name)")
      }
      if node.operation is Convert, step.graph.nodes[node.operands[0].node].operation is Read {
        casts[node.operands[0], default: 0] += 1
      }
    }
    // Four matrices of each block, and the table of tokens as the head.
    #expect(casts.count == 9 && casts.values.allSatisfy { $0 == 1 })
  }

  /// Attention that stays whole reads and yields narrow floats; its log-sum-exp stays wide.
  @Test func attentionIsNarrowToo() throws {
    let transforms = Program.lowering(Strategy(precision: .bfloat16))
    let program = try gpt().applying(transforms.prefix { $0.name != .partition })
    let step = try #require(program.entry(.step))
    var found: [String: Int] = [:]
    for node in step.graph.nodes where node.operation is any Composite {
      found[node.operation.name, default: 0] += 1
      let elements = step.graph.types(of: node.operands).map(\.element)
      let isGradient = node.operation is AttentionGradient
      #expect(elements.enumerated().allSatisfy { ($1 == .float32) == (isGradient && $0 == 4) })
      #expect(
        node.types.map(\.element)
          == (isGradient ? [.bfloat16, .bfloat16, .bfloat16] : [.bfloat16, .float32]))
    }
    // One for each operand; `simplify` makes them one.
    #expect(found == ["attention": 2, "attentionGradient": 6])
  }

  /// Of long sequences the sums need the memory of the results, which then stay wide.
  @Test func gradientsOfLongSequencesAreSummedInPlace() throws {
    var program = Program()
    let inputs = ["q", "k", "v"].map {
      EntryInput(name: $0, type: Type(.float32, [1, 1024, 2, 64]))
    }
    let scale = Parameter([], .ones)
    let named = [NamedParameter(name: "scale", parameter: scale)]
    try program.trace(.evaluate, inputs: inputs, parameters: named) { x in
      let query = x[0] * scale
      return [("loss", query.attention(key: x[1] * scale, value: x[2], isCausal: true).sum())]
    }
    let lowering = Program.lowering(Strategy(precision: .bfloat16))
    let lowered = try program.applying([Gradient()] + lowering)
    let step = try #require(lowered.entry(.step))
    #expect(step.graph.nodes.allSatisfy { !($0.operation is any Composite) })
    #expect(!step.graph.nodes.contains { $0.operation is Contraction })
  }

  /// The law: with float32 for the narrow type and float64 for the wide one, nothing changes but
  /// rounding, which is below 1e-6 of the norm.
  @Test func theResultStaysTheSame() throws {
    let program = try gpt().applying([Expand()]).widened
    let outcome = { (program: Program) in
      try ProgramCase(program, calls: [.step], seed: 5).interpreted(program)
    }
    let found = try outcome(program.applying([MixedPrecision(.float32, in: .float64)]))
    let expected = try outcome(program)
    #expect(expected.differences(from: found, tolerance: 1e-5) == [])
    #expect(expected.differences(from: found, tolerance: 1e-13) != [])
  }

  @Test(arguments: 0..<4) func resultsOfRandomProgramsStayTheSame(_ block: Int) {
    for seed in UInt64(block * 50)..<UInt64(block * 50 + 50) {
      let random = RandomProgram(
        seed: seed, operations: 6 + Int(seed % 25), element: .float64)
      #expect(random.mistake == nil, "seed \(seed)")
      let failure = random.testCase.smallestFailure { testCase in
        let expected = try testCase.interpreted(testCase.program)
        let narrow = try testCase.program.applying([
          Expand(), Bound(), MixedPrecision(.float32, in: .float64), Simplify(),
        ])
        return try expected.differences(from: testCase.interpreted(narrow), tolerance: 1e-4)
      }
      if let failure { Issue.record("\(failure)") }
    }
  }
}
