import DeepEPElements
import DeepEPStorage
import Testing

/// Examples that are numbers: which loader, and which of its examples.
private struct Numbers: BatchLoader {
  var name: Int32
  var examplesPerEpoch: Int
  var batchSize = 4
  var validationBatchCount = 2
  var inputs: [TensorDescription] { [TensorDescription("x", .int32, [batchSize, 2])] }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    let rows = (position..<position + count).flatMap { [name, Int32($0)] }
    return Batch([try BatchArray("x", [count, 2], rows)], validCount: count)
  }

  func validationBatch(_ index: Int) throws -> Batch {
    try batch(atExample: -100 * (index + 1), count: batchSize)
  }
}

/// Several sets of data under one counter.
@Suite struct MixedLoaderTests {
  private func rows(_ loader: MixedLoader, _ position: Int, _ count: Int) throws -> [[Int32]] {
    let values = try loader.batch(atExample: position, count: count).arrays[0].int32Values
    return stride(from: 0, to: values.count, by: 2).map { Array(values[$0..<$0 + 2]) }
  }

  @Test(arguments: [[3.0, 1], [1, 1], [0.7, 0.3], [2, 3, 5], [0.125, 0.875], [1000, 1]])
  func everyStretchHasTheShares(_ weights: [Double]) throws {
    let parts = weights.indices.map { Numbers(name: Int32($0), examplesPerEpoch: 10) }
    let loader = try MixedLoader(parts, weights: weights)
    let all = try rows(loader, 0, 3000)
    let total = weights.reduce(0, +)
    for (part, weight) in weights.enumerated() {
      let own = all.filter { $0[0] == part }.map { $0[1] }
      // Each loader's examples come in order, without a gap.
      #expect(own == (0..<Int32(own.count)).map { $0 })
      for end in stride(from: 100, through: 3000, by: 100) {
        let count = all[..<end].count { $0[0] == part }
        #expect(abs(Double(count) - Double(end) * weight / total) < Double(weights.count))
      }
    }
  }

  /// The state is the counter alone: parts of batches, wherever they begin, are the batches.
  @Test func anyPositionGoesOn() throws {
    let parts = (0..<3).map { Numbers(name: $0, examplesPerEpoch: 7) }
    let loader = try MixedLoader(parts, weights: [2, 3, 5])
    let all = try rows(loader, 0, 200)
    for position in [0, 1, 9, 10, 57, 199] {
      let count = min(13, 200 - position)
      #expect(try rows(loader, position, count) == Array(all[position..<position + count]))
    }
    let again = try MixedLoader(parts, weights: [4, 6, 10])
    #expect(try loader.fingerprint() == again.fingerprint())
    let other = try MixedLoader(parts, weights: [2, 3, 4])
    #expect(try loader.fingerprint() != other.fingerprint())
  }

  @Test func sizesAreTheSharesUnlessWeightsAreGiven() throws {
    let parts = [Numbers(name: 0, examplesPerEpoch: 30), Numbers(name: 1, examplesPerEpoch: 10)]
    #expect(try MixedLoader(parts).shares == [0.75, 0.25])
    #expect(try MixedLoader(parts).examplesPerEpoch == 40)
    #expect(try MixedLoader(parts, weights: [1, 3]).shares == [0.25, 0.75])
  }

  @Test func allHeldOutDataValidates() throws {
    let parts = [Numbers(name: 0, examplesPerEpoch: 30), Numbers(name: 1, examplesPerEpoch: 10)]
    let loader = try MixedLoader(parts)
    #expect(loader.validationBatchCount == 4)
    let firsts = try (0..<4).map { try loader.validationBatch($0).arrays[0].int32Values[..<2] }
    #expect(firsts == [[0, -100], [0, -200], [1, -100], [1, -200]])
    #expect(throws: StorageError.self) { try loader.validationBatch(4) }
  }

  @Test(arguments: [[1.0], [1, 0], [1, -1], [1, .nan], [1, .infinity], [1, 1, 1]])
  func badWeightsAreErrors(_ weights: [Double]) {
    let parts = [Numbers(name: 0, examplesPerEpoch: 30), Numbers(name: 1, examplesPerEpoch: 10)]
    let error = #expect(throws: StorageError.self) { try MixedLoader(parts, weights: weights) }
    #expect(error?.place == "weights")
  }

  @Test func batchesThatDifferAreErrors() {
    let parts = [
      Numbers(name: 0, examplesPerEpoch: 30), Numbers(name: 1, examplesPerEpoch: 10, batchSize: 5),
    ]
    let error = #expect(throws: StorageError.self) { try MixedLoader(parts) }
    #expect(error?.what.contains("int32 [5, 2]") == true)
    #expect(throws: StorageError.self) { try MixedLoader([]) }
  }
}
