import DeepEPElements

/// A product of small matrices inside a region: `target[i, j] = Σ left[i, k] · right[k, j]`, or that
/// added to what the target holds.
///
/// The columns of the target and of the right matrix lie next to one another in memory. Products and
/// sums are in the target's element type, float32 or float64. The order of the sum is the device's
/// choice.
///
/// If it is paired, each element of the left and right matrix is two bfloat16 numbers that lie next to
/// one another, strides count single numbers, and `target[i, j] = Σ left[i, k, 0] · right[k, j, 0] +
/// left[i, k, 1] · right[k, j, 1]`, summed in float32: what processors with units for bfloat16
/// multiply.
package struct TileDot: Hashable, Codable, Sendable {
  /// The product, `[rows, columns]`.
  package var target: Tile
  /// The left matrix, `[rows, depth]`; any strides.
  package var left: Tile
  /// The right matrix, `[depth, columns]`.
  package var right: Tile
  /// The number of rows.
  package var rows: Extent
  /// The number of products that are summed.
  package var depth: Extent
  /// The number of columns.
  package var columns: Int
  /// Whether the product is added to what is there.
  package var accumulates: Bool
  /// Whether elements of the left and right matrix are pairs.
  package var isPaired: Bool

  /// Makes a product.
  package init(
    target: Tile, left: Tile, right: Tile, rows: Extent, depth: Extent, columns: Int,
    accumulates: Bool, isPaired: Bool = false
  ) {
    self.target = target
    self.left = left
    self.right = right
    self.rows = rows
    self.depth = depth
    self.columns = columns
    self.accumulates = accumulates
    self.isPaired = isPaired
  }

  /// Floating-point operations of the largest such product.
  var flops: Int { (isPaired ? 4 : 2) * rows.count * depth.count * columns }

  /// The three matrices.
  package var tiles: [Tile] { [target, left, right] }

  /// The same with other places.
  package func mapping(_ index: (Index) -> Index) -> TileDot {
    var copy = self
    for path in [\TileDot.target, \.left, \.right] {
      copy[keyPath: path].access.index = index(self[keyPath: path].access.index)
    }
    copy.rows.bound = rows.bound.map(index)
    copy.depth.bound = depth.bound.map(index)
    return copy
  }
}

/// A matrix in a buffer.
package struct Tile: Hashable, Codable, Sendable {
  /// Its first element.
  package var access: Access
  /// Elements from one row to the next.
  package var rowStride: Int
  /// Elements from one column to the next.
  package var columnStride: Int

  /// Makes a tile.
  package init(_ buffer: Buffer, _ index: Index, rowStride: Int, columnStride: Int = 1) {
    access = Access(buffer, index)
    self.rowStride = rowStride
    self.columnStride = columnStride
  }
}

/// How far a loop of a region counts: to a number, or less where a bound says so.
package struct Extent: Hashable, Codable, Sendable {
  /// The most that there can be.
  package var count: Int
  /// The loop ends before this position, too; it may be negative.
  package var bound: Index?

  /// Makes an extent.
  package init(_ count: Int, bound: Index? = nil) {
    self.count = count
    self.bound = bound
  }
}
