import DeepEPCompute
import DeepEPExecution
import DeepEPModels
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms
import FoundationEssentials
import Glibc

/// Continues text with a trained GPT-2.
public final class TextGenerator {
  private let configuration: GPT2Configuration
  private let tokenizer: CharacterTokenizer
  private let executor: Executor

  /// Loads a checkpoint that `deepep train` wrote.
  ///
  /// - Throws: ``StorageError`` if the file is damaged, of another kind of model, or without a
  ///   tokeniser.
  public init(checkpoint path: String, threads: Int? = nil) throws {
    let checkpoint = try Checkpoint(path)
    let json = Data(checkpoint.state.modelConfiguration.utf8)
    guard let configuration = try? JSONDecoder().decode(GPT2Configuration.self, from: json) else {
      throw StorageError(
        "the checkpoint does not say which model it is of", at: path,
        fix: "use a checkpoint that 'deepep train' wrote")
    }
    self.configuration = try configuration.validated()
    tokenizer = try CharacterTokenizer(json: checkpoint.state.tokenizer)
    executor = try Self.executor(configuration, try CPUDevice(threadCount: threads))
    try load(checkpoint)
  }

  private static func executor(
    _ configuration: GPT2Configuration, _ device: CPUDevice
  ) throws -> Executor {
    let model = GPT2(configuration)
    var program = Program()
    let inputs = [
      EntryInput(name: "ids", type: Type(.int32, [1, configuration.context])),
      EntryInput(name: "position", type: Type(.int32, [1])),
    ]
    try program.trace(.generate, inputs: inputs, parameters: model.parameters) { inputs in
      let hidden = model.transformer(inputs[0])
        .reshaped([configuration.context, configuration.width]).gather(inputs[1])
      return [("logits", hidden.matmul(model.transformer.wte.weight, transposingRight: true))]
    }
    return try Executor(Plan(program.applying(Program.lowering), for: device), on: device)
  }

  private func load(_ checkpoint: Checkpoint) throws {
    let slots = executor.plan.slots
    try checkpoint.check(
      slots.map { TensorDescription($0.name, $0.type.element, $0.type.shape) }, extent: .parameters)
    for slot in slots {
      try checkpoint.tensor(named: slot.name).withBytes { source in
        try executor.withSlot(slot.name) { _, target in target.copyMemory(from: source) }
      }
    }
  }

  /// Text that continues a prompt.
  ///
  /// - Parameters:
  ///   - prompt: The beginning; characters that the model has never seen are an error.
  ///   - count: The number of characters to add.
  ///   - temperature: How adventurous the choice is: 0 takes the likeliest, 1 the model's shares.
  ///   - seed: What the choice depends on.
  ///   - onCharacter: Called with each character as it is chosen.
  /// - Throws: ``StorageError`` for an unknown character, and the device's errors.
  @discardableResult
  public func generate(
    prompt: String, count: Int, temperature: Double = 0.8, seed: UInt64 = 0,
    onCharacter: (String) throws -> Void = { _ in }
  ) throws -> String {
    var tokens = try tokenizer.encode(prompt.isEmpty ? "\n" : prompt)
    let start = tokens.count
    for index in 0..<count {
      let random = Double(Random.word(seed &+ 1, index) >> 11) * 0x1p-53
      let token = try choose(logits(after: tokens), temperature, random)
      tokens.append(token)
      try onCharacter(tokenizer.decode([token]))
    }
    return try tokenizer.decode(Array(tokens[start...]))
  }

  /// The logits of the token that follows.
  private func logits(after tokens: [Int32]) throws -> [Double] {
    let window = Array(tokens.suffix(configuration.context))
    let padded = window + Array(repeating: 0, count: configuration.context - window.count)
    let bytes = { (integers: [Int32]) in integers.withUnsafeBytes { Array($0) } }
    try executor.call(.generate, [bytes(padded), bytes([Int32(window.count - 1)])])
    return try executor.result("logits", of: .generate).doubles
  }

  private func choose(_ logits: [Double], _ temperature: Double, _ random: Double) -> Int32 {
    let largest = logits.max() ?? 0
    guard temperature > 0 else { return Int32(logits.firstIndex(of: largest) ?? 0) }
    let weights = logits.map { exp(($0 - largest) / temperature) }
    var rest = random * weights.reduce(0, +)
    for (token, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return Int32(token) }
    }
    return Int32(weights.count - 1)
  }
}

extension GPT2Configuration {
  /// The configuration, if a model of it can exist.
  ///
  /// - Throws: ``TrainingError`` naming the field that is wrong.
  package func validated() throws -> GPT2Configuration {
    for (name, value) in [
      ("vocabulary", vocabulary), ("context", context), ("width", width), ("layers", layers),
      ("heads", heads),
    ] where value < 1 || value > 1 << 24 {
      throw TrainingError(
        what: "\(name) is \(value)", place: "model configuration", fix: "use a positive number")
    }
    guard (0..<1).contains(dropout) else {
      throw TrainingError(
        what: "dropout is \(dropout)", place: "model configuration",
        fix: "use a share from 0 to below 1")
    }
    guard width % heads == 0 else {
      throw TrainingError(
        what: "width \(width) does not divide by \(heads) heads", place: "model configuration",
        fix: "use a width of \(heads * max(1, width / heads)) or another number of heads")
    }
    return self
  }
}
