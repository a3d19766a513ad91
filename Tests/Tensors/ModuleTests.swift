import DeepEPElements
import DeepEPModels
import DeepEPTensors
import Testing

/// Models are structs: their parameters are found, named and shared by what the properties say.
@Suite struct ModuleTests {
  /// The names and shapes are those of Hugging Face's transformers.
  ///
  /// `GPT2LMHeadModel.named_parameters()` gives them for a model of one block with width 8, 11 tokens
  /// and 6 positions. The head is tied to the tokens.
  @Test func parametersHaveTheNamesOfHuggingFace() {
    let model = GPT2(GPT2Configuration(vocabulary: 11, context: 6, width: 8, layers: 1, heads: 2))
    let found = model.parameters.map { "\($0.name) \($0.parameter.type.shape)" }
    #expect(
      found == [
        "transformer.wte.weight [11, 8]", "transformer.wpe.weight [6, 8]",
        "transformer.h.0.ln_1.weight [8]", "transformer.h.0.ln_1.bias [8]",
        "transformer.h.0.attn.c_attn.weight [8, 24]", "transformer.h.0.attn.c_attn.bias [24]",
        "transformer.h.0.attn.c_proj.weight [8, 8]", "transformer.h.0.attn.c_proj.bias [8]",
        "transformer.h.0.ln_2.weight [8]", "transformer.h.0.ln_2.bias [8]",
        "transformer.h.0.mlp.c_fc.weight [8, 32]", "transformer.h.0.mlp.c_fc.bias [32]",
        "transformer.h.0.mlp.c_proj.weight [32, 8]", "transformer.h.0.mlp.c_proj.bias [8]",
        "transformer.ln_f.weight [8]", "transformer.ln_f.bias [8]",
      ])
  }

  /// `LlamaForCausalLM.named_parameters()` gives these for a model of one block with width 8, 4 heads for 2 of
  /// keys and values, 12 hidden values and 11 tokens.
  @Test func parametersOfALlamaHaveTheNamesOfHuggingFace() {
    let sizes = LlamaConfiguration(
      vocabulary: 11, context: 6, width: 8, layers: 1, heads: 4, keyValueHeads: 2, hidden: 12)
    let parameters = Llama(sizes).parameters
    #expect(
      parameters.map { "\($0.name) \($0.parameter.type.shape)" } == [
        "model.embed_tokens.weight [11, 8]",
        "model.layers.0.self_attn.q_proj.weight [8, 8]",
        "model.layers.0.self_attn.k_proj.weight [4, 8]",
        "model.layers.0.self_attn.v_proj.weight [4, 8]",
        "model.layers.0.self_attn.o_proj.weight [8, 8]",
        "model.layers.0.mlp.gate_proj.weight [12, 8]", "model.layers.0.mlp.up_proj.weight [12, 8]",
        "model.layers.0.mlp.down_proj.weight [8, 12]",
        "model.layers.0.input_layernorm.weight [8]",
        "model.layers.0.post_attention_layernorm.weight [8]",
        "model.norm.weight [8]", "lm_head.weight [11, 8]",
      ])
    let count = parameters.reduce(0) { $0 + $1.parameter.type.elementCount }
    #expect(count == sizes.parameterCount)
  }

  private struct Tied: Module {
    let first: Linear
    let second: Linear
    let copies: [Linear]
    let missing: Linear?
    private let factor = 2.0

    func callAsFunction(_ input: Tensor) -> Tensor {
      copies.reduce(second(first(input))) { $1($0) } * factor
    }
  }

  @Test func aModuleThatIsUsedTwiceHasItsParametersOnce() throws {
    let layer = Linear(3, 3)
    let model = Tied(first: layer, second: layer, copies: [layer, Linear(3, 3)], missing: nil)
    #expect(
      model.parameters.map(\.name) == [
        "first.weight", "first.bias", "copies.1.weight", "copies.1.bias",
      ])
    let program = try traced(model, input: [2, 3])
    #expect(program.slots.map(\.name) == model.parameters.map(\.name))
    let reads = program.entries[0].graph.nodes.count { $0.operation is Read }
    #expect(reads == 4)
  }

  @Test func slotsAreSharedBetweenEntries() throws {
    let model = Linear(3, 3)
    var program = try traced(model, input: [2, 3])
    try program.trace(
      .generate, inputs: [EntryInput(name: "x", type: Type(.float32, [5, 3]))],
      parameters: model.parameters
    ) { [("y", model($0[0]))] }
    #expect(program.slots.count == 2)
    try program.verify()
  }

  private func traced(_ model: some Module, input shape: [Int]) throws -> Program {
    var program = Program()
    let input = EntryInput(name: "x", type: Type(.float32, shape))
    try program.trace(.evaluate, inputs: [input], parameters: model.parameters) {
      [("y", model($0[0]))]
    }
    return program
  }

  private struct Block: Module {
    let up = Linear(4, 8)
    let down = Linear(6, 4)

    func callAsFunction(_ input: Tensor) -> Tensor {
      let wide = up(input)
      return wide.matmul(down.weight, transposingRight: true, file: "Block.swift", line: 12)
    }
  }

  private struct Stack: Module {
    let blocks = [Block(), Block()]
    func callAsFunction(_ input: Tensor) -> Tensor {
      blocks.reduce(input) { $1($0) }.softmax().gelu()
    }
  }

  @Test func aWrongShapeNamesTheModuleBothShapesAndTheLine() throws {
    let error = try #require(throws: TraceError.self) { try traced(Stack(), input: [2, 4]) }
    #expect(error.path == "blocks.0.down")
    #expect(error.problem.contains("float32[2, 8]") && error.problem.contains("float32[4, 6]"))
    #expect(error.source == SourceLocation(file: "Block.swift", line: 12))
    #expect(error.description.hasSuffix("in module blocks.0.down at Block.swift:12"))
  }

  private struct Sum: Module {
    let inner = Linear(4, 8)
    func callAsFunction(_ input: Tensor) -> Tensor { inner(input) + input }
  }

  /// An operator knows no line, and what comes after a module is not in it.
  @Test func shapesThatDoNotMatchNameTheOperator() throws {
    let error = try #require(throws: TraceError.self) { try traced(Sum(), input: [2, 4]) }
    #expect(
      error.description == "add: float32[2, 8] and float32[2, 4] do not match: from the right, "
        + "sizes are equal or one is 1 in module inner or after it")
  }

  private struct Narrow: Module {
    let head = Linear(4, 3, hasBias: false)

    func callAsFunction(_ input: Tensor) -> Tensor {
      input.matmul(
        head.weight.tensor.converted(to: .float8e4m3), transposingRight: true, file: "Narrow.swift",
        line: 7)
    }
  }

  /// The processor has no such kernel; whoever writes the model learns it at once, with what to do.
  @Test func aProductOf8BitFloatsIsRefusedWhereItIsWritten() throws {
    var program = Program()
    let input = EntryInput(name: "x", type: Type(.float8e4m3, [2, 4]))
    let model = Narrow()
    let error = try #require(throws: TraceError.self) {
      try program.trace(.evaluate, inputs: [input], parameters: model.parameters) {
        [("y", model($0[0]))]
      }
    }
    #expect(error.path == "head")
    #expect(error.source == SourceLocation(file: "Narrow.swift", line: 7))
    #expect(error.problem.contains("float8e4m3[2, 4] and float8e4m3[3, 4]"))
    #expect(error.problem.contains("converted(to: .bfloat16)"))
  }

  private struct Hidden: Module {
    func callAsFunction(_ input: Tensor) -> Tensor { input + Parameter([3], .zeros) }
  }

  @Test func aParameterThatIsNoPropertyIsAnError() {
    let error = #expect(throws: TraceError.self) { try traced(Hidden(), input: [2, 3]) }
    #expect(error?.problem.contains("not among its properties") ?? false)
  }
}
