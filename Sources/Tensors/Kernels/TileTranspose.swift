import DeepEPElements

/// A copy of a small matrix inside a region with rows and columns exchanged: `target[j, i] =
/// source[i, j]`.
///
/// The columns of both lie next to one another in memory. If it is paired, each element is two numbers
/// that lie next to one another and stay so, and strides count single numbers.
package struct TileTranspose: Hashable, Codable, Sendable {
  /// The copy, `[columns, rows]`.
  package var target: Tile
  /// What is copied, `[rows, columns]`.
  package var source: Tile
  /// The number of the source's rows.
  package var rows: Int
  /// The number of the source's columns.
  package var columns: Int
  /// Whether elements are pairs.
  package var isPaired: Bool

  /// Makes a copy.
  package init(target: Tile, source: Tile, rows: Int, columns: Int, isPaired: Bool) {
    (self.target, self.source) = (target, source)
    (self.rows, self.columns, self.isPaired) = (rows, columns, isPaired)
  }

  /// The two matrices.
  package var tiles: [Tile] { [target, source] }

  /// The same with other places.
  package func mapping(_ index: (Index) -> Index) -> TileTranspose {
    var copy = self
    copy.target.access.index = index(target.access.index)
    copy.source.access.index = index(source.access.index)
    return copy
  }
}
