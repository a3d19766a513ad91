import DeepEPElements

/// The size of the blocks that a large matrix multiplication is cut into.
///
/// oneDNN 3.2 cuts by itself, but some forms badly: with a deep inner dimension it goes over all of the
/// right matrix for every few rows, and where the left matrix is transposed it waits for memory. The
/// rules are what was fastest in a measurement of many shapes (`docs/contractions.md`), with vectors of
/// 512 bits.
package struct MatrixBlocks: Hashable, Sendable {
  /// The rows of the result of a block.
  package var rows: Int
  /// The columns of the result of a block.
  package var columns: Int
  /// The products that are summed in a block.
  package var depth: Int

  /// Blocks of a size.
  package init(rows: Int, columns: Int, depth: Int) {
    (self.rows, self.columns, self.depth) = (rows, columns, depth)
  }

  /// One block.
  init(whole form: MatrixForm) {
    (rows, columns, depth) = (form.left.rows, form.right.columns, form.left.columns)
  }

  /// The blocks that are best for a multiplication.
  init(best form: MatrixForm) {
    self.init(whole: form)
    // Below some tenths of a millisecond calls would cost what blocks gain.
    guard form.result.batch.isEmpty, rows * columns * depth >= 1 << 27 else { return }
    let isNarrow = form.left.element.isNarrowFloat
    if form.left.isTransposed, columns > 768 {
      columns = 768
    } else if form.left.isTransposed {
      rows = min(rows, isNarrow ? 1024 : transposedRows)
    } else if !form.right.isTransposed, !isNarrow, form.result.element == .float32 {
      // Only where sums are kept in memory as they are.
      depth = min(depth, 2048)
    }
  }

  /// The rows of a block of float32 where the left matrix is transposed and there are few columns.
  private var transposedRows: Int {
    switch rows {
    case ...1024: 256
    case 16384...: 2048
    default: depth >= 2048 ? 1024 : rows
    }
  }

  /// Ranges of about a size that cover a dimension, all but the last one alike.
  package static func ranges(_ count: Int, _ size: Int) -> [Range<Int>] {
    guard count > size else { return [0..<count] }
    let parts = (count + size - 1) / size
    // Whole vectors.
    let step = ((count + parts - 1) / parts + 63) / 64 * 64
    return stride(from: 0, to: count, by: step).map { $0..<min($0 + step, count) }
  }
}

extension MatrixOperand {
  /// Whether columns lie in one piece, and rows do not.
  fileprivate var isTransposed: Bool { strides[strides.count - 2] == 1 && columns > 1 }
}
