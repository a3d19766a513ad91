import DeepEPExecution
import DeepEPStorage

/// Which examples of each global batch a rank reads.
///
/// Data-parallel ranks share a batch, in the order of their places along the mesh's axis; ranks that share a
/// layer read the same examples.
struct BatchShare {
  private let index: Int
  private let count: Int

  /// The share of a rank; everything if there are no others.
  init(_ ranks: RankCommunicators?) {
    let host = ranks?.index(along: .host) ?? 0
    let neighbours = ranks?.mesh.extent(.data) ?? 1
    index = host * neighbours + (ranks?.index(along: .data) ?? 0)
    count = neighbours * (ranks?.mesh.extent(.host) ?? 1)
  }

  /// This rank's examples of the global batch that begins at a position.
  func batch(of loader: some BatchLoader, atExample position: Int) throws -> Batch {
    let own = loader.batchSize / count
    return try loader.batch(atExample: position + index * own, count: own)
  }

  /// This rank's examples of a batch that was read as a whole.
  func part(of batch: Batch) throws -> Batch {
    guard count > 1 else { return batch }
    let arrays = try batch.arrays.map { array in
      let byteCount = array.bytes.count / count
      return try BatchArray(
        resized(array.tensor) { $0 / count },
        bytes: Array(array.bytes[index * byteCount..<(index + 1) * byteCount]))
    }
    return Batch(arrays, validCount: batch.validCount)
  }

  /// The array of the global batch of which a rank has a part.
  func whole(_ part: TensorDescription) -> TensorDescription { resized(part) { $0 * count } }

  private func resized(
    _ tensor: TensorDescription, _ size: (Int) -> Int
  ) -> TensorDescription {
    guard let first = tensor.shape.first else { return tensor }
    return TensorDescription(
      tensor.name, tensor.element, [size(first)] + tensor.shape.dropFirst())
  }
}
