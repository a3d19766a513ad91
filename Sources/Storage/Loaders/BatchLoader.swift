import DeepEPElements

/// A source of training batches: what `fit` consumes.
///
/// A loader has no position of its own. The position in the data is one counter, the number of
/// examples that were consumed since training began, over all epochs; the same position always
/// yields the same examples. So a run continues from its counter, also with another batch size or
/// on another number of ranks, each of which asks for its own part of the examples.
public protocol BatchLoader: Sendable {
  /// The number of examples of a batch.
  var batchSize: Int { get }

  /// The number of examples of an epoch; each appears exactly once in it.
  var examplesPerEpoch: Int { get }

  /// The arrays of a batch of ``batchSize`` examples: names, types, shapes (examples first).
  var inputs: [TensorDescription] { get }

  /// The `count` examples that follow the first `position` ones of the whole training.
  ///
  /// Throws ``StorageError`` if a number is negative or the data cannot be read.
  func batch(atExample position: Int, count: Int) throws -> Batch

  /// Tells data apart: the same on all ranks that see the same examples in the same order.
  ///
  /// Ranks compare it before the first step. Throws ``StorageError`` if the data cannot be read.
  func fingerprint() throws -> UInt64

  /// The number of batches of the held-out data; zero if nothing is held out.
  var validationBatchCount: Int { get }

  /// Batch `index` of the held-out data, always of ``batchSize`` examples.
  ///
  /// The last one may have fewer that count, see ``Batch/validCount``.
  func validationBatch(_ index: Int) throws -> Batch
}

extension BatchLoader {
  /// The ``batchSize`` examples that follow the first `position` ones of the whole training.
  public func batch(atExample position: Int) throws -> Batch {
    try batch(atExample: position, count: batchSize)
  }

  /// The number of steps in which every example of an epoch has been seen.
  public var batchesPerEpoch: Int { (examplesPerEpoch + batchSize - 1) / batchSize }
}
