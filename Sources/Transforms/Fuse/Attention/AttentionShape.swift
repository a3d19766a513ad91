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

// What attention and its gradient both do with a tile of scores, `[keys, queries]`.
extension AttentionShape {
  /// Writes the product of rows, one a key, and what is known of the queries, `[width, queries]`.
  func multiply(
    _ rows: Tile, _ queries: Buffer, _ keys: Affine, into target: Buffer,
    _ writer: inout NestWriter
  ) {
    writer.append(
      .tileDot(
        TileDot(
          target: Tile(target, Index(), rowStride: queryBlock), left: rows,
          right: Tile(queries, Index(), rowStride: queryBlock),
          rows: self.keys(of: keys), depth: Extent(width), columns: queryBlock,
          accumulates: false)))
  }

  /// Writes a loop over a tile; the body gets the key, the query, and the place of their score.
  func forEachScore(
    _ keys: Affine, _ writer: inout NestWriter,
    _ body: (inout NestWriter, _ key: Affine, _ query: Affine, _ place: Affine) -> Void
  ) {
    writer.loop(self.keys(of: keys)) { writer, key in
      writer.loop(queryBlock) { writer, query in
        body(&writer, key, query, key * queryBlock + query)
      }
    }
  }

  /// What the place of a key that a query must not see gets instead of its number.
  func masked(
    _ number: Register, by other: Register, _ key: Affine, of keys: Affine, _ query: Affine,
    of block: Affine, _ writer: inout NestWriter
  ) -> Register {
    let positions = [block * queryBlock + query, keys * keyBlock + key].map {
      writer.define(.int32, .index($0.index))
    }
    let isSeen = writer.define(
      .bool, .compare(.greaterOrEqual, positions[0], positions[1]))
    return writer.define(sum, .select(isSeen, number, other))
  }
}

/// An operand of attention in memory, `[batch, sequence, heads, width]` seen through a view.
struct HeadedOperand {
  let buffer: Buffer
  let element: ElementType
  private let view: View

  private init(_ buffer: Buffer, _ element: ElementType, _ view: View) {
    self.buffer = buffer
    self.element = element
    self.view = view
  }

  /// The operands of a region, each seen through a view.
  static func all(_ types: [Type], _ views: [View]) -> [HeadedOperand] {
    zip(types, views).enumerated().map { HeadedOperand(.operand($0), $1.0.element, $1.1) }
  }

  /// Elements from one position of the sequence to the next.
  private var rowStride: Int { view.strides[1] }
  /// The number of elements of a row.
  private var width: Int { view.shape[3] }

  /// Rows of the head at hand from one on, as a tile of numbers of a type: where they are, or narrower
  /// ones widened into a buffer, so that this is done once and not for every product.
  func tile(
    from first: Affine, rows: Extent, in sum: ElementType, widenedInto buffer: Buffer?,
    _ writer: inout NestWriter
  ) -> Tile {
    guard let buffer else {
      return Tile(self.buffer, place(first, Affine()).index, rowStride: rowStride)
    }
    writer.loop(rows) { writer, row in
      writer.loop(width) { writer, column in
        let x = number(first + row, column, in: sum, &writer)
        writer.store(x, buffer, row * width + column)
      }
    }
    return Tile(buffer, Index(), rowStride: width)
  }

  /// Writes the load of one number of the head at hand, as a type.
  func number(
    _ row: Affine, _ column: Affine, in sum: ElementType, _ writer: inout NestWriter
  ) -> Register {
    let x = writer.load(element, buffer, place(row, column))
    return writer.converted(x, from: element, to: sum)
  }

  private func place(_ row: Affine, _ column: Affine) -> Affine {
    let index = [Affine(variable: 0), row, Affine(variable: 1), column]
    return Affine(view.offset) + Affine.position(index, view.strides)
  }
}
