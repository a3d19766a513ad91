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

  /// The most memory that a thread may keep for sums that results cannot hold.
  static let longestSums = 1 << 17

  /// - Parameter views: How the operands of the composite are seen in those of the same number.
  init(_ composite: AttentionGradient, operands: [Type], views: [View], results: [Type]) {
    shape = AttentionShape(composite.attention, query: operands[0], key: operands[1])
    let all = HeadedOperand.all(operands, views)
    (query, key, value, output, gradient) = (all[0], all[1], all[2], all[3], all[5])
    logSum = views[4]
    types = results
  }

  /// What a parallel iteration keeps for itself.
  private struct Memory {
    /// Queries and the output's gradient, transposed, `[width, queries]`; queries are scaled.
    let query: Buffer
    let gradient: Buffer
    /// Rows of a tile, if those of the operands are narrow: queries, keys, values, the output's gradient.
    let rows: [Buffer?]
    /// The softmax and the gradient by the scores, `[keys, queries]`.
    let shares: Buffer
    let scores: Buffer
    let logSum: Buffer
    /// For each query its output times the output's gradient.
    let along: Buffer
    /// Sums of the gradients by query, key and value with their strides; results where these are wide
    /// enough to sum in.
    let sums: [SumPlace]
  }

  private struct SumPlace {
    let buffer: Buffer
    let batchStride: Int
    let rowStride: Int
    let headStride: Int

    func place(_ row: Affine, _ column: Affine) -> Affine {
      Affine(variable: 0) * batchStride + row * rowStride + Affine(variable: 1) * headStride
        + column
    }
  }

  private var sumsInResults: Bool { types[0].element == shape.sum }

  private func memory(_ writer: inout NestWriter) -> Memory {
    let (sum, tile) = (shape.sum, shape.keyBlock * shape.queryBlock)
    let columns = shape.width * shape.queryBlock
    return Memory(
      query: writer.newScratch(sum, columns), gradient: writer.newScratch(sum, columns),
      rows: [shape.queryBlock, shape.keyBlock, shape.keyBlock, shape.queryBlock].map {
        shape.element == sum ? nil : writer.newScratch(sum, $0 * shape.width)
      },
      shares: writer.newScratch(sum, tile), scores: writer.newScratch(sum, tile),
      logSum: writer.newScratch(sum, shape.queryBlock),
      along: writer.newScratch(sum, shape.queryBlock),
      sums: types.indices.map { sumPlace($0, &writer) })
  }

  private func sumPlace(_ result: Int, _ writer: inout NestWriter) -> SumPlace {
    if sumsInResults {
      let strides = rowMajorStrides(types[result].shape)
      return SumPlace(
        buffer: .result(result), batchStride: strides[0], rowStride: strides[1],
        headStride: strides[2])
    }
    let buffer = writer.newScratch(shape.sum, types[result].shape[1] * shape.width)
    return SumPlace(buffer: buffer, batchStride: 0, rowStride: shape.width, headStride: 0)
  }

  func written() -> Region {
    var writer = NestWriter(parallel: [shape.batch, shape.heads])
    let memory = memory(&writer)
    let zero = writer.constant(shape.sum, 0)
    for (sums, type) in zip(memory.sums, types) {
      writer.loop(type.shape[1]) { writer, row in
        writer.loop(shape.width) { $0.store(zero, sums.buffer, sums.place(row, $1)) }
      }
    }
    writer.loop(shape.queryBlocks) { writer, block in
      prepare(memory, block, &writer)
      let (queries, start) = (shape.queries(of: block), block * shape.queryBlock)
      let query = tile(query, 0, start, queries, memory, &writer)
      let gradient = tile(gradient, 3, start, queries, memory, &writer)
      writer.loop(shape.keyBlocks, bound: shape.lastKeyBlock(of: block)) { writer, keys in
        let (rows, start) = (shape.keys(of: keys), keys * shape.keyBlock)
        let key = tile(key, 1, start, rows, memory, &writer)
        let value = tile(value, 2, start, rows, memory, &writer)
        findShares(key, memory, block, keys, &writer)
        findScoreGradient(value, memory, block, keys, &writer)
        addToSums(query, key, gradient, memory, block, keys, &writer)
      }
    }
    if !sumsInResults { storeSums(memory, &writer) }
    return writer.region(types)
  }

  private func tile(
    _ operand: HeadedOperand, _ number: Int, _ first: Affine, _ rows: Extent, _ memory: Memory,
    _ writer: inout NestWriter
  ) -> Tile {
    operand.tile(
      from: first, rows: rows, in: shape.sum, widenedInto: memory.rows[number], &writer)
  }

  private func prepare(_ memory: Memory, _ block: Affine, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    let scale = writer.constant(sum, shape.attention.scale)
    let queries = shape.queries(of: block)
    let start = block * shape.queryBlock
    writer.loop(shape.width) { writer, column in
      writer.loop(queries) { writer, row in
        let place = column * shape.queryBlock + row
        let x = query.number(start + row, column, in: sum, &writer)
        writer.store(writer.binary(sum, .multiply, x, scale), memory.query, place)
        let g = gradient.number(start + row, column, in: sum, &writer)
        writer.store(g, memory.gradient, place)
      }
    }
    writer.loop(queries) { writer, row in
      let along = writer.sum(shape.width, sum) { writer, column in
        let x = output.number(start + row, column, in: sum, &writer)
        let y = gradient.number(start + row, column, in: sum, &writer)
        return writer.binary(sum, .multiply, x, y)
      }
      writer.store(along, memory.along, row)
      let index = [Affine(variable: 0), Affine(variable: 1), start + row]
      let place = Affine(logSum.offset) + Affine.position(index, logSum.strides)
      writer.store(writer.load(sum, .operand(4), place), memory.logSum, row)
    }
  }

  private func findShares(
    _ key: Tile, _ memory: Memory, _ block: Affine, _ keys: Affine, _ writer: inout NestWriter
  ) {
    let (shape, sum) = (shape, shape.sum)
    shape.multiply(key, memory.query, keys, into: memory.shares, &writer)
    let zero = writer.constant(sum, 0)
    shape.forEachScore(keys, &writer) { writer, key, row, place in
      let above = writer.binary(
        sum, .subtract, writer.load(sum, memory.shares, place),
        writer.load(sum, memory.logSum, row))
      var share = writer.unary(sum, .exponential, above)
      if shape.attention.isCausal {
        share = shape.masked(share, by: zero, key, of: keys, row, of: block, &writer)
      }
      writer.store(share, memory.shares, place)
    }
  }

  private func findScoreGradient(
    _ value: Tile, _ memory: Memory, _ block: Affine, _ keys: Affine, _ writer: inout NestWriter
  ) {
    let (shape, sum) = (shape, shape.sum)
    shape.multiply(value, memory.gradient, keys, into: memory.scores, &writer)
    let scale = writer.constant(sum, shape.attention.scale)
    shape.forEachScore(keys, &writer) { writer, _, row, place in
      let byShare = writer.binary(
        sum, .subtract, writer.load(sum, memory.scores, place),
        writer.load(sum, memory.along, row))
      let share = writer.binary(sum, .multiply, writer.load(sum, memory.shares, place), scale)
      writer.store(writer.binary(sum, .multiply, share, byShare), memory.scores, place)
    }
  }

  private func addToSums(
    _ query: Tile, _ key: Tile, _ gradient: Tile, _ memory: Memory, _ block: Affine,
    _ keys: Affine, _ writer: inout NestWriter
  ) {
    let (queries, rows) = (shape.queries(of: block), shape.keys(of: keys))
    let (queryRow, keyRow) = (block * shape.queryBlock, keys * shape.keyBlock)
    let byKeys = { (buffer: Buffer) in Tile(buffer, Index(), rowStride: shape.queryBlock) }
    let byQueries = Tile(memory.scores, Index(), rowStride: 1, columnStride: shape.queryBlock)
    let products = [
      (memory.sums[0], queryRow, byQueries, key, queries, rows),
      (memory.sums[1], keyRow, byKeys(memory.scores), query, rows, queries),
      (memory.sums[2], keyRow, byKeys(memory.shares), gradient, rows, queries),
    ]
    for (sums, sumRow, left, right, rows, depth) in products {
      writer.append(
        .tileDot(
          TileDot(
            target: Tile(
              sums.buffer, sums.place(sumRow, Affine()).index, rowStride: sums.rowStride),
            left: left, right: right,
            rows: rows, depth: depth, columns: shape.width, accumulates: true)))
    }
  }

  private func storeSums(_ memory: Memory, _ writer: inout NestWriter) {
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
