import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms

/// A training job with its sizes, which may be others than those of its name.
struct TrainingJob {
  /// The sizes of the model.
  var sizes: any LanguageModelConfiguration
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
    job.sizes.context = context ?? sizes.context
    if let width { job.sizes = try job.widened(to: width) }
    return job
  }

  private func widened(to width: Int) throws -> any LanguageModelConfiguration {
    let unit = sizes.groupWidth
    guard width % unit == 0 else {
      throw UsageError(
        "--width: \(width) is not a multiple of \(unit), the width of a head or a group of heads",
        fix: "give one, such as \((width / unit + 1) * unit)")
    }
    return sizes.resized(width: width, heads: width / sizes.headWidth)
  }

  /// The tokens of a batch.
  var tokensPerStep: Int { batchSize * sizes.context }

  /// The arrays of a batch.
  var inputs: [TensorDescription] {
    ["ids", "targets"].map { TensorDescription($0, .int32, [batchSize, sizes.context]) }
  }

  /// The model; its first values are the same numbers in every framework.
  var model: any LanguageModel { sizes.model(.portable) }

  /// The optimiser.
  var optimizer: AdamW { AdamW(learningRate: 3e-4, weightDecay: 0.1) }

  /// What puts the program of a run together.
  func builder(_ strategy: Strategy = Strategy()) -> ProgramBuilder {
    let scaling = strategy.precision == .float16 ? LossScaling() : nil
    var builder = ProgramBuilder(optimizer: optimizer, lossScaling: scaling)
    builder.compression = strategy.compression
    return builder
  }

  /// The program of a run.
  func program(_ strategy: Strategy = Strategy()) throws -> Program {
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: inputs)
    return try builder(strategy).completed(traced)
  }

  /// The data: one batch, always the same.
  func loader() throws -> FixedBatch {
    let (sequence, count) = (sizes.context, UInt64(sizes.vocabulary))
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

  func batch(atExample position: Int, count: Int) throws -> Batch {
    guard count != batchSize else { return batch }
    let first = position % batchSize
    let arrays = try batch.arrays.map { array in
      let row = array.bytes.count / batchSize
      let tensor = TensorDescription(
        array.tensor.name, array.tensor.element, [count] + array.tensor.shape.dropFirst())
      let rows = (first..<first + count).flatMap { number in
        let start = number % batchSize * row
        return array.bytes[start..<start + row]
      }
      return try BatchArray(tensor, bytes: rows)
    }
    return Batch(arrays, validCount: count)
  }
  func validationBatch(_ index: Int) -> Batch { batch }
}
