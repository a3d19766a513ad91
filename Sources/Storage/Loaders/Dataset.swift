import DeepEPElements

/// Data of one's own: how many examples there are, and what each of them is.
///
/// ```swift
/// struct Sums: Dataset {
///   let count = 10_000
///   func example(_ index: Int) throws -> [BatchArray] {
///     let (a, b) = (Float(index % 100) / 100, Float(index / 100) / 100)
///     return [try BatchArray("x", [2], [a, b]), try BatchArray("y", [1], [a + b])]
///   }
/// }
/// let loader = try DataLoader(Sums(), batchSize: 32)
/// ```
public protocol Dataset: Sendable {
  /// The number of examples.
  var count: Int { get }

  /// The arrays of an example, of the same names, types and shapes for each: what the model takes, then the targets.
  ///
  /// Called from several threads, also ahead of the step that needs it; the same index always gives the same example.
  func example(_ index: Int) throws -> [BatchArray]
}

/// Batches of a ``Dataset``, each epoch in another order.
public struct DataLoader<Data: Dataset>: BatchLoader {
  /// The data.
  public let data: Data
  /// The number of examples of a batch.
  public let batchSize: Int
  /// The arrays of a batch.
  public let inputs: [TensorDescription]
  /// What the orders follow from; nil keeps that of the data.
  public let seed: UInt64?
  /// The examples before this one are for training, the others are held out.
  private let trainingCount: Int

  /// Looks at the first example, which says what all are like.
  ///
  /// - Parameters:
  ///   - data: The data.
  ///   - batchSize: The number of examples of a batch.
  ///   - isShuffled: Whether each epoch has an order of its own, or all have that of the data.
  ///   - seed: What the orders follow from.
  ///   - heldOut: The share of the examples, at the end, that validates and does not train.
  /// - Throws: ``StorageError`` if there are fewer examples than a batch has, and what the first example throws.
  public init(
    _ data: Data, batchSize: Int, isShuffled: Bool = true, seed: UInt64 = 0, heldOut: Double = 0
  ) throws {
    guard batchSize > 0, (0..<1).contains(heldOut) else {
      throw StorageError(
        "a batch size of \(batchSize), a held-out share of \(heldOut)", at: "data loader",
        fix: "use a positive batch size, and a share from 0 to below 1")
    }
    trainingCount = data.count - Int(Double(data.count) * heldOut)
    guard trainingCount >= batchSize else {
      throw StorageError(
        "\(max(0, trainingCount)) examples to train on, and a batch has \(batchSize)",
        at: "data loader", fix: "use a smaller batch, or hold out less")
    }
    inputs = try data.example(0).map { array in
      TensorDescription(
        array.tensor.name, array.tensor.element, [batchSize] + array.tensor.shape)
    }
    (self.data, self.batchSize, self.seed) = (data, batchSize, isShuffled ? seed : nil)
  }

  /// The number of examples that are not held out.
  public var examplesPerEpoch: Int { trainingCount }

  /// The `count` examples that follow the first `position` ones of the whole training.
  public func batch(atExample position: Int, count: Int) throws -> Batch {
    guard position >= 0, count > 0, position <= Int.max - count else {
      throw StorageError(
        "\(count) examples at position \(position) were asked for", at: "data loader",
        fix: "positions count from zero, and a batch has at least one example")
    }
    return try batch((position..<position + count).map(index), validCount: count)
  }

  /// Which example is at a position of the whole training.
  private func index(_ position: Int) -> Int {
    let (epoch, index) = position.quotientAndRemainder(dividingBy: trainingCount)
    guard let seed else { return index }
    let key = Mixer.mix(Mixer.mix(seed) ^ UInt64(epoch))
    return SeededPermutation(count: trainingCount, key: key)[index]
  }

  /// The number of batches of the held-out examples.
  public var validationBatchCount: Int {
    (data.count - trainingCount + batchSize - 1) / batchSize
  }

  /// Batch `index` of the held-out examples, in order; the last one is filled up with those before it.
  public func validationBatch(_ index: Int) throws -> Batch {
    guard (0..<validationBatchCount).contains(index) else {
      throw StorageError(
        "validation batch \(index) was asked for, there are \(validationBatchCount)",
        at: "data loader", fix: "ask for batches from zero")
    }
    let (first, count) = (trainingCount + index * batchSize, data.count - trainingCount)
    let indices = (first..<first + batchSize).map { ($0 - trainingCount) % count + trainingCount }
    return try batch(indices, validCount: min(batchSize, data.count - first))
  }

  private func batch(_ indices: [Int], validCount: Int) throws -> Batch {
    var bytes = inputs.map { _ in [UInt8]() }
    for index in indices {
      let arrays = try data.example(index)
      try check(arrays, index)
      for (number, array) in arrays.enumerated() { bytes[number] += array.bytes }
    }
    let arrays = try zip(inputs, bytes).map { input, bytes in
      let shape = [indices.count] + input.shape.dropFirst()
      return try BatchArray(
        TensorDescription(input.name, input.element, shape), bytes: bytes)
    }
    return Batch(arrays, validCount: validCount)
  }

  private func check(_ arrays: [BatchArray], _ index: Int) throws {
    let wanted = inputs.map {
      TensorDescription($0.name, $0.element, Array($0.shape.dropFirst()))
    }
    guard arrays.map(\.tensor) != wanted else { return }
    throw StorageError(
      "it is \(arrays.map(\.tensor.description)), the first one \(wanted.map(\.description))",
      at: "example \(index)", fix: "give all examples the same names, types and shapes")
  }
}
