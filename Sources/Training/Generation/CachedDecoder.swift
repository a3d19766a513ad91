import DeepEPCompute
import DeepEPExecution
import DeepEPModels
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms

/// Continues one sequence of tokens: each token passes through the model once, and its keys and
/// values stay in a cache.
///
/// The model sees at most `context` tokens. When one more comes, the oldest half of the window is
/// forgotten: the newest `context / 2` tokens, the new one among them, are processed again from
/// position zero, because positions, which keys depend on, have changed. That costs one pass
/// over half a window every `context / 2` tokens. A beginning that is longer than the context is cut
/// to its last `context` tokens. Where documents are apart, the token that begins one forgets all before it.
package final class CachedDecoder {
  /// The executor; its slots are the cache and the parameters.
  package let executor: Executor
  /// The names of the parameters' slots.
  package let parameterNames: Set<String>
  /// The tokens that the next logits depend on.
  package private(set) var window: [Int32] = []
  private let context: Int
  private let documentStart: Int32?
  private let block: Int
  /// How many tokens of the window are in the cache.
  private var cachedCount = 0

  /// Compiles the entries and reserves memory; parameters are zero.
  ///
  /// - Parameters:
  ///   - model: The sizes of the model, and what was adapted.
  ///   - block: The number of tokens that one pass over a beginning takes, at most the context.
  ///   - device: The device.
  package init(_ model: ModelDescription, block: Int = 64, on device: CPUDevice) throws {
    context = model.sizes.context
    documentStart = model.sizes.documentStart.map { Int32(clamping: $0) }
    self.block = max(1, min(block, context))
    let program = try DecodingProgram(model, block: self.block).program()
    parameterNames = Set(program.slots.filter { $0.kind == .parameter }.map(\.name))
    executor = try Executor(Plan(program.applying(Program.lowering), for: device), on: device)
    try executor.prepare([.prefill, .generate])
  }

  /// Forgets the sequence.
  package func reset() {
    window = []
    cachedCount = 0
  }

  /// The logits of the token that follows when tokens (at least one) are appended.
  package func logits(appending tokens: [Int32]) throws -> [Double] {
    let start = documentStart.flatMap { tokens.lastIndex(of: $0) }
    if start != nil { reset() }
    let isBeginning = window.isEmpty
    window += tokens[(start ?? 0)...]
    if window.count > context {
      window = window.suffix(isBeginning ? context : max(1, context / 2))
      cachedCount = 0
    }
    var entry = EntryName.generate
    while cachedCount < window.count { entry = try advance() }
    return try executor.result("logits", of: entry).doubles
  }

  /// Takes the next tokens of the window into the cache.
  private func advance() throws -> EntryName {
    if window.count - cachedCount == 1 {
      try executor.call(.generate, [bytes([window[cachedCount]]), bytes([Int32(cachedCount)])])
      cachedCount += 1
      return .generate
    }
    // A whole block must lie within the context: some tokens are then written a second time, alike.
    let start = min(cachedCount, context - block)
    let tokens = window[start..<min(start + block, window.count)]
    let padded = tokens + Array(repeating: 0, count: block - tokens.count)
    let inputs = [Array(padded), [Int32(start)], [Int32(tokens.count - 1)]]
    try executor.call(.prefill, inputs.map(bytes))
    cachedCount = start + tokens.count
    return .prefill
  }

  private func bytes(_ integers: [Int32]) -> [UInt8] { integers.withUnsafeBytes { Array($0) } }
}
