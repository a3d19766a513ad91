import DeepEPElements
import DeepEPStorage
import Testing

/// A loader over tokens that are their own positions, so that a window tells where it begins.
private func positions(
  _ count: Int, sequenceLength: Int, batchSize: Int, seed: UInt64 = 0
) throws -> TextLoader {
  let scalars = (0..<count).compactMap { Unicode.Scalar(UInt32(0x10000 + $0)) }
  var text = String.UnicodeScalarView()
  text.append(contentsOf: scalars)
  let tokenizer = CharacterTokenizer(text: String(text))
  return try TextLoader(
    tokens: (0..<count).map(Int32.init), tokenizer: tokenizer, sequenceLength: sequenceLength,
    batchSize: batchSize, seed: seed)
}

/// The first token of each window, having checked that ids and targets are consecutive.
private func starts(_ batch: Batch, sequenceLength: Int) throws -> [Int] {
  let ids = try batch.array(named: "ids").int32Values
  #expect(try batch.array(named: "targets").int32Values == ids.map { $0 + 1 })
  let rows = stride(from: 0, to: ids.count, by: sequenceLength).map { Int(ids[$0]) }
  #expect(ids == rows.flatMap { row in (0..<sequenceLength).map { Int32(row + $0) } })
  return rows
}

@Suite struct LoaderTests {
  @Test(arguments: [(1000, 7), (1000, 8), (337, 16), (101, 1), (60, 40), (64, 30), (65, 30)])
  func eachEpochCoversEachWindowOnce(_ count: Int, _ length: Int) throws {
    let loader = try positions(count, sequenceLength: length, batchSize: 1, seed: 5)
    let windows = loader.examplesPerEpoch
    for epoch in 0..<5 {
      let batch = try loader.batch(atExample: epoch * windows, count: windows)
      let sorted = try starts(batch, sequenceLength: length).sorted()
      #expect(sorted == (0..<windows).map { sorted[0] + $0 * length })
      #expect((0..<2 * length).contains(sorted[0]))
      #expect(sorted[windows - 1] + length < loader.trainingTokens.count)
    }
  }

  @Test func everyTokenIsSeenInTheLongRun() throws {
    let loader = try positions(200, sequenceLength: 8, batchSize: 2)
    let batch = try loader.batch(atExample: 0, count: 100 * loader.examplesPerEpoch)
    #expect(Set(try batch.array(named: "ids").int32Values).count == loader.trainingTokens.count - 1)
  }

  @Test func theSamePositionIsTheSameBatch() throws {
    let loader = try positions(1000, sequenceLength: 8, batchSize: 4, seed: 7)
    let again = try positions(1000, sequenceLength: 8, batchSize: 4, seed: 7)
    for position in [0, 1, 4, 115, 100_003] {
      #expect(try loader.batch(atExample: position) == again.batch(atExample: position))
    }
  }

  @Test func otherEpochsAndSeedsHaveOtherOrders() throws {
    let loader = try positions(1000, sequenceLength: 8, batchSize: 4, seed: 7)
    let other = try positions(1000, sequenceLength: 8, batchSize: 4, seed: 8)
    let windows = loader.examplesPerEpoch
    let first = try starts(loader.batch(atExample: 0, count: windows), sequenceLength: 8)
    let second = try starts(loader.batch(atExample: windows, count: windows), sequenceLength: 8)
    let third = try starts(other.batch(atExample: 0, count: windows), sequenceLength: 8)
    #expect(first.map { $0 / 8 } != second.map { $0 / 8 })
    #expect(first.map { $0 / 8 } != third.map { $0 / 8 })
    #expect(first != first.sorted())
  }

  @Test func partsOfABatchAreTheBatch() throws {
    let loader = try positions(1000, sequenceLength: 8, batchSize: 6)
    let whole = try starts(loader.batch(atExample: 110), sequenceLength: 8)
    let parts = try [110, 113].flatMap {
      try starts(loader.batch(atExample: $0, count: 3), sequenceLength: 8)
    }
    #expect(parts == whole)
  }

  @Test func describesItsInputs() throws {
    let loader = try positions(1000, sequenceLength: 8, batchSize: 4)
    let batch = try loader.batch(atExample: 0)
    #expect(loader.inputs == batch.arrays.map(\.tensor))
    #expect(
      loader.inputs == ["ids", "targets"].map { TensorDescription($0, .int32, [4, 8]) })
    #expect(loader.batchesPerEpoch == (loader.examplesPerEpoch + 3) / 4)
    #expect(throws: StorageError.self) { try batch.array(named: "labels") }
    for (position, count) in [(-1, 4), (0, 0), (0, -1), (Int.max, 4)] {
      #expect(throws: StorageError.self) {
        try loader.batch(atExample: position, count: count)
      }
    }
  }

  @Test func validationIsTheHeldOutTextInOrder() throws {
    let loader = try positions(1000, sequenceLength: 8, batchSize: 4)
    #expect(loader.trainingTokens.count == 950)
    #expect(loader.validationTokens.count == 50)
    #expect(loader.validationBatchCount == 2)
    let first = try loader.validationBatch(0)
    let last = try loader.validationBatch(1)
    #expect(try starts(first, sequenceLength: 8) == [950, 958, 966, 974])
    #expect(try starts(last, sequenceLength: 8) == [982, 990, 950, 958])
    #expect([first.validCount, last.validCount] == [4, 2])
    #expect(throws: StorageError.self) { try loader.validationBatch(2) }
    #expect(throws: StorageError.self) { try loader.validationBatch(-1) }
  }

  @Test func aTextThatIsTooShortIsAnError() throws {
    let error = #expect(throws: StorageError.self) {
      try positions(100, sequenceLength: 64, batchSize: 4)
    }
    #expect(
      error?.what == "the text is too short: 100 tokens, about 337 are needed for one batch of "
        + "4 windows of 64 and the 5 % held out")
    _ = try positions(337, sequenceLength: 64, batchSize: 4)
    for (length, batch) in [(1, 1), (3, 1), (5, 2), (7, 30), (64, 1)] {
      let error = #expect(throws: StorageError.self) {
        try positions(1, sequenceLength: length, batchSize: batch)
      }
      let words = error?.what.split(separator: " ") ?? []
      let needed = words.compactMap { Int($0) }.dropFirst().first ?? 0
      _ = try positions(needed, sequenceLength: length, batchSize: batch)
    }
  }

  @Test func badNumbersAreErrors() throws {
    for (length, batch) in [(0, 1), (1, 0), (-1, 1), (1, Int.max), (Int.max, 1)] {
      #expect(throws: StorageError.self) {
        try positions(100, sequenceLength: length, batchSize: batch)
      }
    }
    let tokenizer = CharacterTokenizer(text: "ab")
    let error = #expect(throws: StorageError.self) {
      try TextLoader(
        tokens: [0, 1, 2, 0, 1], tokenizer: tokenizer, sequenceLength: 1, batchSize: 1)
    }
    #expect(error?.place == "tokens, token 2")
  }

  @Test func readsAFileWithATokenizerOfItsOwnOrOfAnEarlierRun() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array(String(repeating: "abcab", count: 50).utf8), to: "text")
    let own = try TextLoader(path, sequenceLength: 4, batchSize: 2)
    #expect(own.vocabularySize == 3)
    let earlier = CharacterTokenizer(text: "abcdef")
    let loader = try TextLoader(path, sequenceLength: 4, batchSize: 2, tokenizer: earlier)
    #expect(loader.vocabularySize == 6)
    let error = #expect(throws: StorageError.self) {
      try TextLoader(
        path, sequenceLength: 4, batchSize: 2, tokenizer: CharacterTokenizer(text: "ab"))
    }
    #expect(error?.place == "\(path), character 2")
  }
}
