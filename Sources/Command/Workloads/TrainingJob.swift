import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors

/// A workload with its sizes, which may be others than those of its name.
struct TrainingJob {
  /// The sizes of the model.
  var configuration: GPT2Configuration
  /// The number of sequences of a batch.
  var batchSize: Int

  /// The job with some sizes replaced.
  ///
  /// Those that are nil stay, and the width of a head stays too.
  ///
  /// - Throws: ``UsageError`` if the width is not that of whole heads.
  func resized(batch: Int?, context: Int?, width: Int?) throws -> TrainingJob {
    var job = self
    job.batchSize = batch ?? batchSize
    job.configuration.context = context ?? configuration.context
    guard let width else { return job }
    let headWidth = configuration.width / configuration.heads
    guard width % headWidth == 0 else {
      throw UsageError(
        "--width: \(width) is not a multiple of \(headWidth), the width of a head",
        fix: "give one, such as \((width / headWidth + 1) * headWidth)")
    }
    (job.configuration.width, job.configuration.heads) = (width, width / headWidth)
    return job
  }

  /// The tokens of a batch.
  var tokensPerStep: Int { batchSize * configuration.context }

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
