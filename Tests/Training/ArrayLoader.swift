import DeepEPElements
import DeepEPLaws
import DeepEPStorage
import DeepEPTensors

/// Batches from numbers in memory: examples in their order, over and over.
struct ArrayLoader: BatchLoader {
  let batchSize: Int
  /// The shape of the model's input for one example, and the numbers of all examples.
  let input: (shape: [Int], numbers: [Float])
  /// The shape of the targets of one example, and the labels of all examples.
  let targets: (shape: [Int], labels: [Int32])
  /// The number of batches that are held out: the first ones again.
  var validationBatchCount = 0

  private var inputWidth: Int { input.shape.reduce(1, *) }
  private var targetWidth: Int { targets.shape.reduce(1, *) }
  var examplesPerEpoch: Int { input.numbers.count / inputWidth }

  var inputs: [TensorDescription] {
    [
      TensorDescription("x", .float32, [batchSize] + input.shape),
      TensorDescription("y", .int32, [batchSize] + targets.shape),
    ]
  }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    let rows = (position..<position + count).map { $0 % examplesPerEpoch }
    let x = rows.flatMap { input.numbers[$0 * inputWidth..<($0 + 1) * inputWidth] }
    let y = rows.flatMap { targets.labels[$0 * targetWidth..<($0 + 1) * targetWidth] }
    let arrays = [
      try BatchArray("x", [count] + input.shape, x),
      try BatchArray("y", [count] + targets.shape, y),
    ]
    return Batch(arrays, validCount: count)
  }

  func validationBatch(_ index: Int) throws -> Batch {
    try batch(atExample: index * batchSize, count: batchSize)
  }

  /// The same data in batches of another size.
  func batches(of size: Int) -> ArrayLoader {
    ArrayLoader(
      batchSize: size, input: input, targets: targets, validationBatchCount: validationBatchCount)
  }

  /// Random numbers between -1 and 1, and labels from zero to below `classes`.
  static func random(
    seed: UInt64, examples: Int, batchSize: Int, input: [Int], targets: [Int] = [], classes: Int
  ) -> ArrayLoader {
    var source = RandomSource(seed: seed)
    let count = { (shape: [Int]) in examples * shape.reduce(1, *) }
    return ArrayLoader(
      batchSize: batchSize,
      input: (input, (0..<count(input)).map { _ in Float(source.unit()) }),
      targets: (targets, (0..<count(targets)).map { _ in Int32(source.below(classes)) }))
  }
}
