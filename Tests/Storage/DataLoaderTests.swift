import DeepEPElements
import DeepEPStorage
import Synchronization
import Testing

private struct Squares: Dataset {
  let count: Int

  func example(_ index: Int) throws -> [BatchArray] {
    let x = Float(index)
    return [try BatchArray("x", [2], [x, -x]), try BatchArray("y", [], [x * x])]
  }
}

/// A data set that is no such thing.
private struct Uneven: Dataset {
  let count = 10

  func example(_ index: Int) throws -> [BatchArray] {
    [try BatchArray("x", [index < 5 ? 1 : 2], [Float](repeating: 0, count: index < 5 ? 1 : 2))]
  }
}

/// Data of one's own.
@Suite struct DataLoaderTests {
  private func indices(_ batch: Batch) throws -> [Int] {
    let floats = try batch.array(named: "y").bytes.withUnsafeBytes {
      Array($0.bindMemory(to: Float.self))
    }
    return floats.map { Int($0.squareRoot().rounded()) }
  }

  @Test func eachEpochHasEachExampleOnceInAnOrderOfItsOwn() throws {
    let loader = try DataLoader(Squares(count: 20), batchSize: 3, heldOut: 0.25)
    #expect(loader.examplesPerEpoch == 15 && loader.validationBatchCount == 2)
    #expect(loader.inputs == (try loader.batch(atExample: 0)).arrays.map(\.tensor))
    let epochs = try (0..<3).map { try indices(loader.batch(atExample: $0 * 15, count: 15)) }
    for epoch in epochs { #expect(epoch.sorted() == Array(0..<15)) }
    #expect(epochs[0] != epochs[1] && epochs[1] != epochs[2])
    // Across the end of an epoch, too.
    #expect(try indices(loader.batch(atExample: 13)) == Array((epochs[0] + epochs[1])[13..<16]))
    let inOrder = try DataLoader(Squares(count: 20), batchSize: 3, isShuffled: false)
    #expect(try indices(inOrder.batch(atExample: 18)) == [18, 19, 0])
    #expect(inOrder.validationBatchCount == 0)
    let last = try loader.validationBatch(1)
    #expect(try indices(last) == [18, 19, 15] && last.validCount == 2)
    #expect(throws: StorageError.self) { try loader.validationBatch(2) }
    #expect(throws: StorageError.self) { try loader.batch(atExample: -1) }
  }

  @Test func whatCannotBeIsAnError() throws {
    for (count, batch, heldOut) in [(5, 0, 0.0), (5, 6, 0), (10, 6, 0.5), (5, 1, 1), (0, 1, 0)] {
      #expect(throws: StorageError.self) {
        try DataLoader(Squares(count: count), batchSize: batch, heldOut: heldOut)
      }
    }
    let uneven = try DataLoader(Uneven(), batchSize: 10)
    let error = #expect(throws: StorageError.self) { try uneven.batch(atExample: 0) }
    #expect(
      error?.what.contains("float32 [2]") == true && error?.place.hasPrefix("example ") == true)
  }
}

/// A loader that counts who asks for what.
private final class Counted: BatchLoader {
  let batchSize = 4
  let examplesPerEpoch = 100
  let validationBatchCount = 0
  let inputs = [TensorDescription("x", .int32, [4])]
  let asked = Mutex<[Int]>([])

  func batch(atExample position: Int, count: Int) throws -> Batch {
    asked.withLock { $0.append(position) }
    guard position < 40 else {
      throw StorageError("no more", at: "position \(position)", fix: "stop")
    }
    let values = (position..<position + count).map { Int32($0) }
    return Batch([try BatchArray("x", [count], values)], validCount: count)
  }

  func validationBatch(_ index: Int) throws -> Batch { try batch(atExample: index) }
}

/// Batches are made ahead, and are those that would have been made.
@Suite struct PrefetchingLoaderTests {
  @Test func batchesAreMadeOnceAndAhead() throws {
    let source = Counted()
    let loader = PrefetchingLoader(source)
    for position in stride(from: 0, to: 40, by: 4) {
      #expect(
        try loader.batch(atExample: position).arrays[0].int32Values
          == (position..<position + 4).map { Int32($0) })
    }
    // What is behind the end was tried ahead, and is an error only for who asks for it.
    let error = #expect(throws: StorageError.self) { try loader.batch(atExample: 40) }
    #expect(error?.place == "position 40")
    let asked = source.asked.withLock { $0 }
    #expect(Set(asked).count == asked.count)
  }

  @Test func theNextBatchesAreMadeUnasked() throws {
    let source = Counted()
    _ = try PrefetchingLoader(source).batch(atExample: 0)
    var asked: [Int] = []
    while asked.count < 3 { asked = source.asked.withLock { $0 } }
    #expect(asked.sorted() == [0, 4, 8])
  }

  @Test func otherPositionsAndPartsAreRight() throws {
    let loader = PrefetchingLoader(Counted())
    for (position, count) in [(0, 2), (4, 2), (6, 2), (0, 2), (32, 4), (8, 1), (12, 1), (0, 4)] {
      #expect(
        try loader.batch(atExample: position, count: count).arrays[0].int32Values
          == (position..<position + count).map { Int32($0) })
    }
  }
}
