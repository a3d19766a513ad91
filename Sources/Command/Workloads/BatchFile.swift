import DeepEPStorage
import FoundationEssentials

/// A loader that reads its batches from a file of numbers, so that other programs can train on the same.
///
/// The file has int32 numbers, little-endian: for each sequence of each batch its tokens and the one that
/// follows them. After the last batch comes the first one again.
struct BatchFile: BatchLoader {
  private let tokens: [Int32]
  private let context: Int
  let batchSize: Int
  let validationBatchCount = 0

  /// Reads the file for a job.
  ///
  /// - Throws: ``StorageError`` if it cannot be read, is not a number of whole batches, or has a token
  ///   that the job's model does not know.
  init(_ path: String, for job: TrainingJob) throws {
    (context, batchSize) = (job.sizes.context, job.batchSize)
    tokens = try Self.read(path)
    let perBatch = batchSize * (context + 1)
    guard !tokens.isEmpty, tokens.count % perBatch == 0 else {
      throw StorageError(
        "\(tokens.count) tokens are not a number of whole batches", at: path,
        fix: "write \(batchSize) rows of \(context) + 1 int32 tokens for each batch")
    }
    let vocabulary = job.sizes.vocabulary
    if let index = tokens.firstIndex(where: { $0 < 0 || $0 >= vocabulary }) {
      throw StorageError(
        "token \(index) is \(tokens[index]), and the model knows 0 to \(vocabulary - 1)", at: path,
        fix: "write tokens of the model's vocabulary")
    }
  }

  private static func read(_ path: String) throws -> [Int32] {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw StorageError("cannot read", at: path, fix: "name a file of int32 tokens")
    }
    return data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self))
      }
    }
  }

  var examplesPerEpoch: Int { tokens.count / (context + 1) }
  var inputs: [TensorDescription] {
    ["ids", "targets"].map { TensorDescription($0, .int32, [batchSize, context]) }
  }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    let rows = { (shift: Int) in
      (0..<count).flatMap { row in
        let start = (position + row) % examplesPerEpoch * (context + 1) + shift
        return tokens[start..<start + context]
      }
    }
    let shape = [count, context]
    return Batch(
      [try BatchArray("ids", shape, rows(0)), try BatchArray("targets", shape, rows(1))],
      validCount: count)
  }

  func validationBatch(_ index: Int) throws -> Batch {
    try batch(atExample: index * batchSize, count: batchSize)
  }
}
