import DeepEPCompute
import DeepEPStorage
import DeepEPTensors
import Glibc

/// Continues text with a trained language model.
public final class TextGenerator {
  private let tokenizer: any Tokenizer
  private let decoder: CachedDecoder

  /// Loads a checkpoint that `deepep train` wrote.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - byAverages: Whether the moving averages of the weights are used in their place.
  ///   - threads: The number of threads; by default all cores.
  ///   - kernelCache: Where compiled kernels are kept for the next run.
  /// - Throws: ``StorageError`` if the file is damaged, of another kind of model, without a tokeniser, or
  ///   without the averages that are asked for.
  public init(
    checkpoint path: String, byAverages: Bool = false, threads: Int? = nil,
    kernelCache: KernelCache = .standard
  ) throws {
    let checkpoint = try Checkpoint(path)
    let model = try ModelDescription(checkpoint)
    try model.checkSize(in: checkpoint)
    tokenizer = try StoredTokenizer.tokenizer(json: checkpoint.state.tokenizer)
    let device = try CPUDevice(threadCount: threads, kernels: KernelLibrary(cache: kernelCache))
    decoder = try CachedDecoder(model, on: device)
    try load(checkpoint, byAverages: byAverages)
  }

  private func load(_ checkpoint: Checkpoint, byAverages: Bool) throws {
    let executor = decoder.executor
    let slots = executor.plan.slots.filter { decoder.parameterNames.contains($0.name) }
    try checkpoint.check(
      slots.map { TensorDescription($0.name, $0.type.element, $0.type.shape) }, extent: .parameters)
    for slot in slots {
      try checkpoint.weight(named: slot.name, byAverages: byAverages).withBytes { source in
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
