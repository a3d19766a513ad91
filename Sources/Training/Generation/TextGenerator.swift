import DeepEPCompute
import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import FoundationEssentials
import Glibc

/// Continues text with a trained GPT-2.
public final class TextGenerator {
  private let tokenizer: any Tokenizer
  private let decoder: CachedDecoder

  /// Loads a checkpoint that `deepep train` wrote.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - threads: The number of threads; by default all cores.
  ///   - kernelCache: Where compiled kernels are kept for the next run.
  /// - Throws: ``StorageError`` if the file is damaged, of another kind of model, or without a
  ///   tokeniser.
  public init(
    checkpoint path: String, threads: Int? = nil, kernelCache: KernelCache = .standard
  ) throws {
    let checkpoint = try Checkpoint(path)
    let json = Data(checkpoint.state.modelConfiguration.utf8)
    guard let configuration = try? JSONDecoder().decode(GPT2Configuration.self, from: json) else {
      throw StorageError(
        "the checkpoint does not say which model it is of", at: path,
        fix: "use a checkpoint that 'deepep train' wrote")
    }
    tokenizer = try StoredTokenizer.tokenizer(json: checkpoint.state.tokenizer)
    let device = try CPUDevice(threadCount: threads, kernels: KernelLibrary(cache: kernelCache))
    decoder = try CachedDecoder(configuration.validated(), on: device)
    try load(checkpoint)
  }

  private func load(_ checkpoint: Checkpoint) throws {
    let executor = decoder.executor
    let slots = executor.plan.slots.filter { decoder.parameterNames.contains($0.name) }
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
  /// Each token passes through the model once. The model sees its `context` tokens; when they are full,
  /// it goes on from the newest half of them.
  ///
  /// - Parameters:
  ///   - prompt: The beginning; characters that the model has never seen are an error.
  ///   - count: The number of tokens to add.
  ///   - temperature: How adventurous the choice is: 0 takes the likeliest, 1 the model's shares.
  ///   - seed: What the choice depends on.
  ///   - onText: Called with the text of each token as it is chosen, once its characters are whole.
  /// - Throws: ``StorageError`` for an unknown character, and the device's errors.
  @discardableResult
  public func generate(
    prompt: String, count: Int, temperature: Double = 0.8, seed: UInt64 = 0,
    onText: (String) throws -> Void = { _ in }
  ) throws -> String {
    var next = try tokenizer.encode(prompt.isEmpty ? "\n" : prompt)
    var (chosen, shown): ([Int32], [UInt8]) = ([], [])
    decoder.reset()
    for index in 0..<count {
      let random = Double(Random.word(seed &+ 1, index) >> 11) * 0x1p-53
      let token = try choose(decoder.logits(appending: next), temperature, random)
      chosen.append(token)
      next = [token]
      shown += try tokenizer.bytes(of: [token])
      try onText(TextGenerator.takeWholeCharacters(&shown))
    }
    if !shown.isEmpty { try onText(String(decoding: shown, as: UTF8.self)) }
    return try tokenizer.decode(chosen)
  }

  /// The characters that bytes begin with; the bytes of one that is not whole yet stay.
  private static func takeWholeCharacters(_ bytes: inout [UInt8]) -> String {
    let start = bytes.lastIndex { $0 & 0xC0 != 0x80 } ?? 0
    let length = bytes.indices.contains(start) ? (~bytes[start]).leadingZeroBitCount : 0
    let end = length > 1 && start + length > bytes.count ? start : bytes.count
    defer { bytes.removeFirst(end) }
    return String(decoding: bytes[..<end], as: UTF8.self)
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
