/// How a sequence of tokens is cut into windows for training and validation.
///
/// The first 95 % are for training: consecutive windows of `sequenceLength` tokens and the token
/// after them, from an offset that each epoch draws anew, in an order that each epoch draws anew.
/// The last 5 % are for validation, in order. A window is known by its first token.
struct TextWindows: Sendable {
  let sequenceLength: Int
  let seed: UInt64
  /// The first tokens are for training.
  let trainingTokenCount: Int
  /// The windows of each epoch.
  let windowsPerEpoch: Int
  /// The windows of the held-out tokens; fewer than `sequenceLength` tokens are left over.
  let validationWindowCount: Int

  /// Throws ``StorageError`` if a number is not positive or the text is too short for a batch.
  init(tokenCount: Int, sequenceLength: Int, batchSize: Int, seed: UInt64, place: String) throws {
    for (name, value) in [("sequenceLength", sequenceLength), ("batchSize", batchSize)] {
      guard value > 0, value <= Int(Int32.max) else {
        throw StorageError("\(name) is \(value)", at: place, fix: "make it positive and smaller")
      }
    }
    self.sequenceLength = sequenceLength
    self.seed = seed
    let heldOut = tokenCount / 20
    trainingTokenCount = tokenCount - heldOut
    windowsPerEpoch = TextWindows.count(trainingTokenCount, sequenceLength, slack: true)
    validationWindowCount = TextWindows.count(heldOut, sequenceLength, slack: false)
    guard windowsPerEpoch >= batchSize else {
      throw TextWindows.tooShort(tokenCount, sequenceLength, batchSize, place)
    }
  }

  /// The first token of training window `example`, counted over all epochs.
  func trainingStart(_ example: Int) -> Int {
    let (epoch, index) = example.quotientAndRemainder(dividingBy: windowsPerEpoch)
    let key = Mixer.mix(Mixer.mix(seed) ^ UInt64(epoch))
    let permutation = SeededPermutation(count: windowsPerEpoch, key: key)
    let lastOffset = trainingTokenCount - 1 - windowsPerEpoch * sequenceLength
    // The seed of the offset must not be one of the permutation's round keys.
    let offset = Int(Mixer.mix(~key) % UInt64(lastOffset + 1))
    return offset + permutation[index] * sequenceLength
  }

  /// The first token of validation window `index`.
  func validationStart(_ index: Int) -> Int { trainingTokenCount + index * sequenceLength }

  /// The windows that fit into `count` tokens, each with the token after it.
  ///
  /// With slack, at any offset below the length (unless only one fits).
  private static func count(_ count: Int, _ length: Int, slack: Bool) -> Int {
    let aligned = max(0, count - 1) / length
    return slack && aligned > 1 ? max(1, (count - length) / length) : aligned
  }

  private static func tooShort(
    _ tokenCount: Int, _ sequenceLength: Int, _ batchSize: Int, _ place: String
  ) -> StorageError {
    // A bound that suffices; its product cannot overflow, both are at most 2^31.
    let windows = batchSize == 1 ? sequenceLength + 1 : (batchSize + 1) * sequenceLength
    let needed = windows + windows / 19 + 1
    return StorageError(
      "the text is too short: \(tokenCount) tokens, about \(needed) are needed for one batch of "
        + "\(batchSize) windows of \(sequenceLength) and the 5 % held out", at: place,
      fix: "use a longer text, a shorter sequence or a smaller batch")
  }
}
