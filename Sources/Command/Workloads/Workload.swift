import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors

/// A training job that is defined to the last number, so that its losses can be compared with those
/// of other frameworks.
///
/// Weights and data come from numbered random streams (``Random``): 1 the token table, 2 the
/// positions, then four matrices a block; 1000 the tokens of the one batch. AdamW on all parameters.
enum Workload: String, CaseIterable {
  /// 6 layers of width 384, 256 tokens, batch 16, 65 characters: 10.8 million weights.
  case gptTiny = "gpt-tiny"
  /// GPT-2 small, 256 tokens, batch 4: 124 million weights.
  case gpt2Small = "gpt2-124m"
  /// GPT-3 (Brown et al., 2020), 2048 tokens, batch 32: 175 billion weights, to be planned.
  case gpt3 = "gpt3-175b"

  /// The sizes of the model.
  var configuration: GPT2Configuration {
    switch self {
    case .gptTiny:
      GPT2Configuration(vocabulary: 65, context: 256, width: 384, layers: 6, heads: 6)
    case .gpt2Small:
      GPT2Configuration(vocabulary: 50257, context: 256, width: 768, layers: 12, heads: 12)
    case .gpt3:
      GPT2Configuration(vocabulary: 50257, context: 2048, width: 12288, layers: 96, heads: 96)
    }
  }

  /// The number of sequences of a batch.
  var batchSize: Int {
    switch self {
    case .gptTiny: 16
    case .gpt2Small: 4
    case .gpt3: 32
    }
  }

  /// The arrays of a batch.
  var inputs: [TensorDescription] {
    ["ids", "targets"].map { TensorDescription($0, .int32, [batchSize, configuration.context]) }
  }

  /// The model.
  var model: GPT2 { GPT2(configuration, scheme: .portable) }

  /// The optimiser.
  var optimizer: AdamW { AdamW(learningRate: 3e-4, weightDecay: 0.1) }

  /// The data: one batch, always the same.
  func loader() throws -> FixedBatch {
    let (sequence, count) = (configuration.context, UInt64(configuration.vocabulary))
    let row = sequence + 1
    let tokens = (0..<batchSize * row).map { Int32((Random.word(1000, $0) >> 33) % count) }
    let rows = { (shift: Int) in
      (0..<batchSize).flatMap { tokens[$0 * row + shift..<$0 * row + shift + sequence] }
    }
    let shape = [batchSize, sequence]
    return FixedBatch(
      Batch(
        [try BatchArray("ids", shape, rows(0)), try BatchArray("targets", shape, rows(1))],
        validCount: batchSize))
  }
}

/// A loader that yields the same batch for ever.
struct FixedBatch: BatchLoader {
  private let batch: Batch

  init(_ batch: Batch) { self.batch = batch }

  var batchSize: Int { batch.validCount }
  var examplesPerEpoch: Int { batch.validCount }
  var inputs: [TensorDescription] { batch.arrays.map(\.tensor) }
  var validationBatchCount: Int { 0 }

  func batch(atExample position: Int, count: Int) -> Batch { batch }
  func validationBatch(_ index: Int) -> Batch { batch }
}
