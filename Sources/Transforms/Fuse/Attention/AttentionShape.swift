import DeepEPElements
import DeepEPTensors

/// The sizes of an attention, and how its scores are cut into tiles.
///
/// A tile holds the scores of some keys (its rows) and some queries (its columns), so that what is
/// computed for each query is a vector over neighbours in memory.
struct AttentionShape {
  let attention: Attention
  let batch: Int
  let sequence: Int
  let keys: Int
  let heads: Int
  let width: Int
  /// The type of the operands' elements.
  let element: ElementType

  /// The queries and keys of a tile: three of its matrices fit the first cache.
  private static let tile = 64

  init(_ attention: Attention, query: Type, key: Type) {
    self.attention = attention
    let shape = query.shape
    (batch, sequence, heads, width) = (shape[0], shape[1], shape[2], shape[3])
    keys = key.shape[1]
    element = query.element
  }

  /// The type in which scores are computed and sums are kept.
  var sum: ElementType { element.sum }
  var queryBlock: Int { min(Self.tile, max(1, sequence)) }
  var keyBlock: Int { min(Self.tile, max(1, keys)) }
  var queryBlocks: Int { (sequence + queryBlock - 1) / queryBlock }
  var keyBlocks: Int { (keys + keyBlock - 1) / keyBlock }

  /// How many queries a block has, and how many keys: less than a tile at the end.
  func queries(of block: Affine) -> Extent { extent(queryBlock, sequence, block) }
  func keys(of block: Affine) -> Extent { extent(keyBlock, keys, block) }

  private func extent(_ size: Int, _ whole: Int, _ block: Affine) -> Extent {
    Extent(size, bound: whole % size == 0 ? nil : (Affine(whole) - block * size).index)
  }

  /// The end of the blocks of keys that a block of queries looks at; nil for all of them.
  ///
  /// Tiles of queries and keys have one size unless one of the sequences is shorter than a tile.
  func lastKeyBlock(of block: Affine) -> Index? {
    guard attention.isCausal, keyBlock == queryBlock else { return nil }
    return (block + Affine(1)).index
  }
}

/// An operand of attention in memory, `[batch, sequence, heads, width]` seen through a view.
struct HeadedOperand {
  let buffer: Buffer
  let element: ElementType
  private let view: View

  init(_ buffer: Buffer, _ element: ElementType, _ view: View) {
    self.buffer = buffer
    self.element = element
    self.view = view
  }

  /// Elements from one position of the sequence to the next.
  var rowStride: Int { view.strides[1] }
  /// The number of elements of a row.
  var width: Int { view.shape[3] }

  /// Rows of the head at hand from one on, as a tile of numbers of a type: where they are, or narrower
  /// ones widened into a buffer, so that this is done once and not for every product.
  func tile(
    from first: Affine, rows: Extent, in sum: ElementType, widenedInto buffer: Buffer?,
    _ writer: inout NestWriter
  ) -> Tile {
    let (batch, head) = (Affine(variable: 0), Affine(variable: 1))
    guard let buffer else {
      return Tile(
        self.buffer, place(batch, first, head, Affine()).index, rowStride: rowStride)
    }
    writer.loop(rows) { writer, row in
      writer.loop(width) { writer, column in
        let x = writer.load(element, self.buffer, place(batch, first + row, head, column))
        writer.store(
          writer.converted(x, from: element, to: sum), buffer, row * width + column)
      }
    }
    return Tile(buffer, Index(), rowStride: width)
  }

  func place(_ batch: Affine, _ row: Affine, _ head: Affine, _ column: Affine) -> Affine {
    let index = zip([batch, row, head, column], view.strides)
    return index.reduce(Affine(view.offset)) { $0 + $1.0 * $1.1 }
  }
}
