import DeepEPElements

extension BatchLoader {
  /// The fingerprint of the sizes and of examples from the whole of an epoch, 64 at most.
  public func fingerprint() throws -> UInt64 {
    let count = min(64, examplesPerEpoch)
    let positions = (0..<count).map { $0 * (examplesPerEpoch / count) }
    let digests = try positions.map { position in
      let arrays = try batch(atExample: position, count: 1).arrays
      return WordDigest.of(arrays.lazy.flatMap(\.bytes))
    }
    return WordDigest.of([UInt64(examplesPerEpoch), UInt64(validationBatchCount)] + digests)
  }
}
