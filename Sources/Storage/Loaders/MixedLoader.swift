import DeepEPElements

/// Several loaders as one, each with a share of the examples.
///
/// Shares hold in every part of the data: of weights 3 and 1, each four examples in a row have three of the first loader and
/// one of the second. The one counter of examples says how far each loader is, so there is nothing else to keep, and a
/// run goes on in the middle. A loader that has given all its examples begins its next epoch.
public struct MixedLoader: BatchLoader {
  private let parts: [any BatchLoader]
  private let pattern: MixingPattern
  /// The number of examples of a batch.
  public let batchSize: Int
  /// The arrays of a batch, alike for all loaders.
  public let inputs: [TensorDescription]

  /// Mixes loaders whose batches are alike.
  ///
  /// - Parameters:
  ///   - parts: The loaders.
  ///   - weights: How many examples come from each, in proportion; nil takes all loaders as they are large.
  /// - Throws: ``StorageError`` if batches are not alike, or weights are not as many positive numbers.
  public init(_ parts: [any BatchLoader], weights: [Double]? = nil) throws {
    guard let first = parts.first else {
      throw StorageError("there is no data", at: "mixed data", fix: "name a text")
    }
    for part in parts where part.batchSize != first.batchSize || part.inputs != first.inputs {
      throw StorageError(
        "batches of \(part.inputs.map(\.description)) and of \(first.inputs.map(\.description))",
        at: "mixed data", fix: "give all loaders the same arrays and batch size")
    }
    pattern = try MixingPattern(
      weights ?? parts.map { Double($0.examplesPerEpoch) }, count: parts.count)
    self.parts = parts
    (batchSize, inputs) = (first.batchSize, first.inputs)
  }

  /// The share of each loader's examples, all together one.
  public var shares: [Double] { pattern.shares }

  /// As many examples as the loaders have together; those of a loader with a small share are not all among them.
  public var examplesPerEpoch: Int { parts.reduce(0) { $0 + $1.examplesPerEpoch } }

  /// The `count` examples that follow the first `position` ones of the whole training.
  public func batch(atExample position: Int, count: Int) throws -> Batch {
    guard position >= 0, count > 0, position <= Int.max - count else {
      throw StorageError(
        "\(count) examples at position \(position) were asked for", at: "mixed data",
        fix: "positions count from zero, and a batch has at least one example")
    }
    let places = (position..<position + count).map(pattern.place)
    let batches = try parts.indices.map { part in
      try run(of: part, in: places).map { run in
        (run, try parts[part].batch(atExample: run.lowerBound, count: run.count))
      }
    }
    let arrays = try inputs.indices.map { index in
      let bytes = places.flatMap { place -> ArraySlice<UInt8> in
        guard let (run, batch) = batches[place.part] else { return [] }
        let bytes = batch.arrays[index].bytes
        let width = bytes.count / run.count
        let start = (place.example - run.lowerBound) * width
        return bytes[start..<start + width]
      }
      let shape = [count] + inputs[index].shape.dropFirst()
      return try BatchArray(
        TensorDescription(inputs[index].name, inputs[index].element, shape), bytes: bytes)
    }
    return Batch(arrays, validCount: count)
  }

  /// A loader's own examples among some; they follow one another.
  private func run(of part: Int, in places: [MixingPattern.Place]) -> Range<Int>? {
    let own = places.filter { $0.part == part }.map(\.example)
    guard let first = own.first else { return nil }
    return first..<first + own.count
  }

  /// The fingerprints of all loaders and their shares.
  public func fingerprint() throws -> UInt64 {
    let shares = shares.map(\.bitPattern)
    return WordDigest.of(try parts.map { try $0.fingerprint() } + shares)
  }

  /// The number of batches of all held-out data.
  public var validationBatchCount: Int { parts.reduce(0) { $0 + $1.validationBatchCount } }

  /// Batch `index` of the held-out data, that of one loader after the other.
  public func validationBatch(_ index: Int) throws -> Batch {
    var rest = index
    for part in parts {
      if rest < part.validationBatchCount { return try part.validationBatch(rest) }
      rest -= part.validationBatchCount
    }
    throw StorageError(
      "validation batch \(index) was asked for, there are \(validationBatchCount)",
      at: "mixed data", fix: "ask for batches from zero")
  }
}
