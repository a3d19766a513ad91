import DeepEPElements
import DeepEPTensors

/// The sizes of an attention, and how its scores are cut into tiles.
///
/// A tile holds the scores of some keys (its rows) and some queries (its columns), so that what is
/// computed for each query is a vector over neighbours in memory.
struct AttentionShape {
  let attention: Attention
  let batch: Int
  let heads: Int
  let width: Int
  /// The positions of queries and those of keys, in blocks.
  let queries: Blocks
  let keys: Blocks
  /// The type of the operands' elements.
  let element: ElementType
  /// Whether products take pairs of narrow numbers, see ``TileDot``.
  let isPaired: Bool

  /// The queries and keys of a tile: three of its matrices fit the first cache.
  private static let tile = 64

  /// - Parameter pairedElements: The types whose products the device takes in pairs.
  init(_ attention: Attention, query: Type, key: Type, pairedElements: Set<ElementType>) {
    self.attention = attention
    (batch, heads, width) = (query.shape[0], query.shape[2], query.shape[3])
    element = query.element
    isPaired = pairedElements.contains(element) && width % 2 == 0
    queries = Blocks(query.shape[1], most: Self.tile, areEven: isPaired)
    keys = Blocks(key.shape[1], most: Self.tile, areEven: isPaired)
  }

  /// The type in which scores are computed and sums are kept.
  var sum: ElementType { element.sum }
  /// The type of what is multiplied.
  var factor: ElementType { isPaired ? element : sum }
  /// Neighbours along the depth of a product: what is interleaved in the matrices that it reads.
  var group: Int { isPaired ? 2 : 1 }
}

/// Positions of a sequence, cut into blocks of one size; the last may have fewer.
struct Blocks {
  /// All positions.
  let whole: Int
  /// Positions of a block.
  let size: Int

  init(_ whole: Int, most: Int, areEven: Bool) {
    self.whole = whole
    let size = min(most, max(1, whole))
    self.size = areEven ? size + size % 2 : size
  }

  /// The number of blocks.
  var count: Int { (whole + size - 1) / size }

  private func extent(_ size: Int, _ whole: Int, _ block: Affine) -> Extent {
    let isWhole = self.whole % self.size == 0
    return Extent(size, bound: isWhole ? nil : (Affine(whole) - block * size).index)
  }

  /// How many positions a block has.
  func positions(of block: Affine) -> Extent { extent(size, whole, block) }

  /// How many pairs it has, that of a lone last position with nothing included.
  func pairs(of block: Affine) -> Extent { extent((size + 1) / 2, (whole + 1) / 2, block) }

  /// Writes a loop over the pairs of positions of a block; the body gets the number of the pair and
  /// its positions within the block: two, or one that is last and alone.
  func forEachPair(
    of block: Affine, _ writer: inout NestWriter,
    _ body: (inout NestWriter, _ pair: Affine, _ positions: [Affine]) -> Void
  ) {
    writer.loop(extent(size / 2, whole / 2, block)) { writer, pair in
      body(&writer, pair, [pair * 2, pair * 2 + Affine(1)])
    }
    guard whole % 2 == 1 else { return }
    inLast(block, &writer) { writer in
      let last = whole - (count - 1) * size - 1
      body(&writer, Affine(last / 2), [Affine(last)])
    }
  }

  /// Writes what is done for the last block only.
  func inLast(_ block: Affine, _ writer: inout NestWriter, _ body: (inout NestWriter) -> Void) {
    writer.loop(1, bound: (block + Affine(2 - count)).index) { writer, _ in body(&writer) }
  }
}

// What attention and its gradient both do with a tile of scores, `[keys, queries]`.
extension AttentionShape {
  /// Where the numbers of a key and a query are in the matrices of a tile.
  struct Score {
    let key: Affine
    let query: Affine
    let rowLength: Int

    /// In a matrix of rows of queries.
    var place: Affine { key * rowLength + query }
  }

  /// Writes queries, `[queries, width]`, or what is known of them, as columns, `[width, queries]` or
  /// `[width / 2, queries, 2]`.
  func transpose(_ rows: Buffer, into buffer: Buffer, _ writer: inout NestWriter) {
    writer.append(
      .transpose(
        TileTranspose(
          target: Tile(buffer, Index(), rowStride: group * queries.size, columnStride: group),
          source: Tile(rows, Index(), rowStride: width, columnStride: group),
          rows: queries.size, columns: width / group, isPaired: isPaired)))
  }

  /// Writes the product of rows, one a key, and what is known of the queries, `[width, queries]`.
  func multiply(
    _ rows: Tile, _ queries: Buffer, _ keys: Affine, into target: Buffer,
    _ writer: inout NestWriter
  ) {
    var rows = rows
    rows.columnStride = group
    writer.append(
      .tileDot(
        TileDot(
          target: Tile(target, Index(), rowStride: self.queries.size), left: rows,
          right: Tile(
            queries, Index(), rowStride: group * self.queries.size, columnStride: group),
          rows: self.keys.positions(of: keys), depth: Extent(width / group),
          columns: self.queries.size, accumulates: false, isPaired: isPaired)))
  }

  /// The depth of a product over the positions of a block.
  func depth(_ blocks: Blocks, _ block: Affine) -> Extent {
    isPaired ? blocks.pairs(of: block) : blocks.positions(of: block)
  }

  /// Writes a loop over a tile; the body gets the scores of one query and a pair of keys, or of the
  /// last key if it is alone.
  func forEachScore(
    _ keys: Affine, _ writer: inout NestWriter,
    _ body: (inout NestWriter, _ pair: Affine, _ query: Affine, [Score]) -> Void
  ) {
    let length = queries.size
    self.keys.forEachPair(of: keys, &writer) { writer, pair, positions in
      writer.loop(length) { writer, query in
        body(
          &writer, pair, query, positions.map { Score(key: $0, query: query, rowLength: length) })
      }
    }
  }

  /// Writes numbers of a pair of keys for a query into a matrix that is the left one of a product over
  /// keys: `[keys, queries]`, or `[keys / 2, queries, 2]`.
  func storeByQueries(
    _ numbers: [Register], _ pair: Affine, _ scores: [Score], _ buffer: Buffer,
    _ writer: inout NestWriter
  ) {
    guard isPaired else {
      for (number, score) in zip(numbers, scores) { writer.store(number, buffer, score.place) }
      return
    }
    let place = (pair * queries.size + scores[0].query) * 2
    let second = numbers.count > 1 ? numbers[1] : writer.constant(factor, 0)
    writer.store(numbers[0], buffer, place)
    writer.store(second, buffer, place + Affine(1))
  }

  /// A matrix of a tile's scores that is summed over keys.
  func byQueries(_ buffer: Buffer) -> Tile {
    Tile(buffer, Index(), rowStride: group, columnStride: group * queries.size)
  }

  /// A matrix of a tile's scores, `[keys, queries]`, that is summed over queries.
  func byKeys(_ buffer: Buffer) -> Tile {
    Tile(buffer, Index(), rowStride: queries.size, columnStride: group)
  }
}
