import DeepEPElements
import DeepEPTensors

/// Writes attention's gradient as one region, in which scores are computed again tile by tile (Dao et
/// al.: FlashAttention, 2022, algorithm 4).
///
/// Each parallel iteration does one head, so that the gradients by keys and values are summed without
/// the help of other threads.
struct AttentionGradientRegion {
  private let shape: AttentionShape
  private let query: HeadedOperand
  private let key: HeadedOperand
  private let value: HeadedOperand
  private let output: HeadedOperand
  private let logSum: View
  private let gradient: HeadedOperand
  private let types: [Type]
  private let memory: AttentionGradientMemory
  private let sight: AttentionSight
  /// What knows the memory above, and nothing else yet.
  private let start: NestWriter

  /// The most memory that a thread may keep for sums that results cannot hold.
  static let longestSums = 1 << 17

  /// - Parameters:
  ///   - views: How the operands of the composite are seen in those of the same number.
  ///   - pairedElements: The types whose products the device takes in pairs.
  init(
    _ composite: AttentionGradient, operands: [Type], views: [View], results: [Type],
    pairedElements: Set<ElementType>
  ) {
    shape = AttentionShape(
      composite.attention, query: operands[0], key: operands[1], pairedElements: pairedElements)
    let headed = [0, 1, 2, 3, 5].map { HeadedOperand($0, operands, views) }
    (query, key, value, output, gradient) = (headed[0], headed[1], headed[2], headed[3], headed[4])
    logSum = views[4]
    types = results
    var writer = NestWriter(parallel: [shape.batch, shape.heads])
    memory = AttentionGradientMemory(shape, results, &writer)
    sight = AttentionSight(shape, operands, views, &writer)
    start = writer
  }

  /// The region.
  func written() -> Region {
    var writer = start
    let zero = writer.constant(shape.sum, 0)
    for (sums, type) in zip(memory.sums, types) {
      writer.loop(type.shape[1]) { writer, row in
        writer.loop(shape.width) { $0.store(zero, sums.buffer, sums.place(row, $1)) }
      }
    }
    writer.loop(shape.queries.count) { writer, block in
      prepare(block, &writer)
      let query = multiplied(query, 0, shape.queries, block, &writer)
      let gradient = multiplied(gradient, 3, shape.queries, block, &writer)
      let range = sight.enter(block, &writer)
      sight.forEachKeyBlock(of: block, range, &writer) { writer, keys in
        findScores(keys, &writer)
        let key = multiplied(key, 1, shape.keys, keys, &writer)
        findGradients(block, keys, &writer)
        addToSums(query, key, gradient, block, keys, &writer)
      }
    }
    if !memory.sumsInResults { storeSums(&writer) }
    return writer.region(types)
  }

  /// Rows of an operand that were copied, as the right matrix of a product over them.
  private func multiplied(
    _ operand: HeadedOperand, _ number: Int, _ blocks: Blocks, _ block: Affine,
    _ writer: inout NestWriter
  ) -> Tile {
    shape.isPaired
      ? operand.pairs(blocks, block, into: memory.rows[number], &writer)
      : Tile(memory.rows[number], Index(), rowStride: shape.width)
  }

  private func prepare(_ block: Affine, _ writer: inout NestWriter) {
    let sum = shape.sum
    for (operand, number, columns) in [
      (query, 0, memory.query), (gradient, 3, memory.gradient),
    ] {
      let rows = memory.rows[number]
      _ = operand.rows(shape.queries, block, as: shape.factor, into: rows, &writer)
      shape.transpose(rows, into: columns, &writer)
    }
    writer.loop(shape.queries.positions(of: block)) { writer, row in
      let position = block * shape.queries.size + row
      let along = writer.sum(shape.width, sum) { writer, column in
        let x = output.number(position, column, in: sum, &writer)
        let y = gradient.number(position, column, in: sum, &writer)
        return writer.binary(sum, .multiply, x, y)
      }
      writer.store(along, memory.along, row)
      let index = [Affine(variable: 0), Affine(variable: 1), position]
      let place = Affine(logSum.offset) + Affine.position(index, logSum.strides)
      writer.store(writer.load(sum, .operand(4), place), memory.logSum, row)
    }
    if shape.isPaired { clearLone(block, &writer) }
  }

  /// Zeros for the query that is missing beside a lone last one: its share is then a number, and its
  /// gradient by the scores zero.
  private func clearLone(_ block: Affine, _ writer: inout NestWriter) {
    guard shape.queries.whole % 2 == 1 else { return }
    let lane = shape.queries.whole - (shape.queries.count - 1) * shape.queries.size
    shape.queries.inLast(block, &writer) { writer in
      let (zero, narrow) = (writer.constant(shape.sum, 0), writer.constant(shape.factor, 0))
      writer.store(zero, memory.logSum, Affine(lane))
      writer.store(zero, memory.along, Affine(lane))
      writer.loop(shape.width / 2) { writer, columns in
        let place = (columns * shape.queries.size + Affine(lane)) * 2
        for half in 0..<2 {
          writer.store(narrow, memory.query, place + Affine(half))
          writer.store(narrow, memory.gradient, place + Affine(half))
        }
      }
    }
  }

  /// The scores of a tile, and the gradients by their shares.
  private func findScores(_ keys: Affine, _ writer: inout NestWriter) {
    for (operand, number, columns, product) in [
      (key, 1, memory.query, memory.scores), (value, 2, memory.gradient, memory.byShares),
    ] {
      let rows = operand.rows(
        shape.keys, keys, as: shape.factor, into: memory.rows[number], &writer)
      shape.multiply(rows, columns, keys, into: product, &writer)
    }
  }

  /// The shares of a tile, and the gradients by its scores.
  private func findGradients(_ block: Affine, _ keys: Affine, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    let (zero, scale) = (writer.constant(sum, 0), writer.constant(sum, shape.attention.scale))
    shape.forEachScore(keys, &writer) { writer, pair, query, scores in
      let logSum = writer.load(sum, memory.logSum, query)
      let along = writer.load(sum, memory.along, query)
      let gradients = scores.map { score in
        let number = writer.binary(
          sum, .multiply, writer.load(sum, memory.scores, score.place), scale)
        let found = writer.unary(
          sum, .exponential, writer.binary(sum, .subtract, number, logSum))
        let share = sight.masked(found, by: zero, score, of: keys, block, &writer)
        writer.store(
          writer.converted(share, from: sum, to: shape.factor), memory.shares, score.place)
        let byShare = writer.binary(
          sum, .subtract, writer.load(sum, memory.byShares, score.place), along)
        let scaled = writer.binary(sum, .multiply, share, scale)
        let gradient = writer.binary(sum, .multiply, scaled, byShare)
        return writer.converted(gradient, from: sum, to: shape.factor)
      }
      for (gradient, score) in zip(gradients, scores) {
        writer.store(gradient, memory.byScores, score.place)
      }
      if shape.isPaired {
        shape.storeByQueries(gradients, pair, scores, memory.byQueries, &writer)
      }
    }
  }

  private func addToSums(
    _ query: Tile, _ key: Tile, _ gradient: Tile, _ block: Affine, _ keys: Affine,
    _ writer: inout NestWriter
  ) {
    let (queryRow, keyRow) = (block * shape.queries.size, keys * shape.keys.size)
    let (queries, rows) = (shape.queries.positions(of: block), shape.keys.positions(of: keys))
    let byKeys = shape.depth(shape.queries, block)
    let products = [
      (
        memory.sums[0], queryRow, shape.byQueries(memory.byQueries), key, queries,
        shape.depth(shape.keys, keys)
      ),
      (memory.sums[1], keyRow, shape.byKeys(memory.byScores), query, rows, byKeys),
      (memory.sums[2], keyRow, shape.byKeys(memory.shares), gradient, rows, byKeys),
    ]
    for (sums, sumRow, left, right, rows, depth) in products {
      writer.append(
        .tileDot(
          TileDot(
            target: Tile(
              sums.buffer, sums.place(sumRow, Affine()).index, rowStride: sums.rowStride),
            left: left, right: right, rows: rows, depth: depth, columns: shape.width,
            accumulates: true, isPaired: shape.isPaired)))
    }
  }

  private func storeSums(_ writer: inout NestWriter) {
    for (result, sums) in memory.sums.enumerated() {
      let strides = rowMajorStrides(types[result].shape)
      writer.loop(types[result].shape[1]) { writer, row in
        writer.loop(shape.width) { writer, column in
          let x = writer.load(shape.sum, sums.buffer, sums.place(row, column))
          let index = [Affine(variable: 0), row, Affine(variable: 1), column]
          writer.store(
            writer.converted(x, from: shape.sum, to: types[result].element), .result(result),
            Affine.position(index, strides))
        }
      }
    }
  }
}
