import DeepEPTensors

/// Defines the transform that computes logits and what becomes of them in chunks of rows, so that the
/// logits of a batch never exist as a whole (Hsu et al.: Liger Kernel, 2024, section 3.2).
///
/// Each chunk is multiplied, compared with its labels, differentiated and used up before the next one
/// starts; nothing is computed twice. In chunks all row dimensions are one. Needs a program without composites; leaves the same results,
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
