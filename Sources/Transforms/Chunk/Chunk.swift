import DeepEPTensors

/// Defines the transform that computes logits and what becomes of them in chunks of rows, so that the
/// logits of a batch never exist as a whole (Hsu et al.: Liger Kernel, 2024, section 3.2).
///
/// Each chunk is multiplied, compared with its labels, differentiated and used up before the next one
/// starts; nothing is computed twice. Needs a program without composites; leaves the same results,
/// with contractions over fewer rows.
package struct Chunk: Transform {
  package let name = TransformName.chunk
  private let rowCount: Int?

  /// Makes the transform.
  ///
  /// - Parameter rowCount: The rows of a chunk; by default enough to multiply well, and so few that a
  ///   chunk of logits is small beside the table that they are made with.
  package init(rowCount: Int? = nil) { self.rowCount = rowCount }

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      guard let logits = Logits(entry, rowCount: rowCount) else { return entry }
      var writer = ChunkWriter(entry, logits)
      do {
        return try writer.written()
      } catch is CyclicChunks {
        return entry
      }
    }
  }
}

/// A part of the rows: where it starts along each row dimension, and how many there are.
struct RowBox {
  var starts: [Int]
  var sizes: [Int]

  /// Boxes that cover all rows in order; each lies in one piece of memory.
  static func boxes(_ shape: [Int], rowCount: Int) -> [[RowBox]] {
    guard let first = shape.first else { return [] }
    let inner = shape.dropFirst().reduce(1, *)
    let step = max(1, rowCount / max(1, inner))
    let whole = Array(shape.dropFirst())
    return stride(from: 0, to: first, by: step).map { start in
      let size = min(step, first - start)
      guard let second = whole.first, size == 1, inner > rowCount else {
        return [RowBox(starts: [start] + whole.map { _ in 0 }, sizes: [size] + whole)]
      }
      let rest = whole.dropFirst()
      let part = max(1, rowCount / max(1, rest.reduce(1, *)))
      return stride(from: 0, to: second, by: part).map { offset in
        RowBox(
          starts: [start, offset] + rest.map { _ in 0 },
          sizes: [1, min(part, second - offset)] + rest)
      }
    }
  }
}
