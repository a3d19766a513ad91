import DeepEPElements
import DeepEPTensors

/// Writes attention as one region, in which the scores never leave the cache (Dao et al.:
/// FlashAttention, 2022; Milakov, Gimelshein: Online normalizer calculation for softmax, 2018).
///
/// Each parallel iteration does one block of queries of one head. It walks the keys block by block and
/// keeps for each query the largest score so far, the sum of exponentials, and the weighted values.
struct AttentionRegion {
  private let shape: AttentionShape
  private let query: HeadedOperand
  private let key: HeadedOperand
  private let value: HeadedOperand
  private let types: [Type]

  /// - Parameter views: How query, key and value are seen in the operands of the same number.
  init(_ attention: Attention, operands: [Type], views: [View], results: [Type]) {
    shape = AttentionShape(attention, query: operands[0], key: operands[1])
    let all = HeadedOperand.all(operands, views)
    (query, key, value) = (all[0], all[1], all[2])
    types = results
  }

  /// What a parallel iteration keeps for itself.
  private struct Memory {
    /// Queries, transposed and scaled, `[width, queries]`.
    let query: Buffer
    /// Scores and then exponentials, `[keys, queries]`.
    let scores: Buffer
    /// Weighted values, `[queries, width]`.
    let output: Buffer
    let largest: Buffer
    let total: Buffer
    /// By what the sums before shrink.
    let factor: Buffer
    /// Keys and values of a tile, if those of the operands are narrow.
    let keys: Buffer?
    let values: Buffer?

    init(_ shape: AttentionShape, _ writer: inout NestWriter) {
      let (sum, queries) = (shape.sum, shape.queryBlock)
      query = writer.newScratch(sum, shape.width * queries)
      scores = writer.newScratch(sum, shape.keyBlock * queries)
      output = writer.newScratch(sum, queries * shape.width)
      largest = writer.newScratch(sum, queries)
      total = writer.newScratch(sum, queries)
      factor = writer.newScratch(sum, queries)
      let isNarrow = shape.element != sum
      keys = isNarrow ? writer.newScratch(sum, shape.keyBlock * shape.width) : nil
      values = isNarrow ? writer.newScratch(sum, shape.keyBlock * shape.width) : nil
    }
  }

  func written() -> Region {
    var writer = NestWriter(parallel: [shape.batch, shape.heads, shape.queryBlocks])
    let memory = Memory(shape, &writer)
    let block = writer.parallelVariable(2)
    prepare(memory, block, &writer)
    writer.loop(shape.keyBlocks, bound: shape.lastKeyBlock(of: block)) { writer, keys in
      multiplyQueries(memory, keys, &writer)
      findLargest(memory, block, keys, &writer)
      exponentiate(memory, keys, &writer)
      shrinkOutput(memory, &writer)
      addValues(memory, keys, &writer)
    }
    finish(memory, block, &writer)
    return writer.region(types)
  }

  private func prepare(_ memory: Memory, _ block: Affine, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    let scale = writer.constant(sum, shape.attention.scale)
    let queries = shape.queries(of: block)
    writer.loop(shape.width) { writer, column in
      writer.loop(queries) { writer, row in
        let x = query.number(block * shape.queryBlock + row, column, in: sum, &writer)
        writer.store(
          writer.binary(sum, .multiply, x, scale), memory.query, column * shape.queryBlock + row)
      }
    }
    let (zero, lowest) = (writer.constant(sum, 0), writer.constant(sum, -.infinity))
    writer.loop(shape.queryBlock) { writer, row in
      writer.store(lowest, memory.largest, row)
      writer.store(zero, memory.total, row)
    }
    writer.loop(shape.queryBlock * shape.width) { $0.store(zero, memory.output, $1) }
  }

  private func multiplyQueries(_ memory: Memory, _ keys: Affine, _ writer: inout NestWriter) {
    let tile = key.tile(
      from: keys * shape.keyBlock, rows: shape.keys(of: keys), in: shape.sum,
      widenedInto: memory.keys, &writer)
    shape.multiply(tile, memory.query, keys, into: memory.scores, &writer)
  }

  /// The largest score of each query so far; scores that a query must not see become minus infinity.
  private func findLargest(
    _ memory: Memory, _ block: Affine, _ keys: Affine, _ writer: inout NestWriter
  ) {
    let (shape, sum) = (shape, shape.sum)
    writer.loop(shape.queryBlock) { writer, row in
      writer.store(writer.load(sum, memory.largest, row), memory.factor, row)
    }
    let lowest = writer.constant(sum, -.infinity)
    shape.forEachScore(keys, &writer) { writer, key, row, place in
      var score = writer.load(sum, memory.scores, place)
      if shape.attention.isCausal {
        score = shape.masked(score, by: lowest, key, of: keys, row, of: block, &writer)
        writer.store(score, memory.scores, place)
      }
      let largest = writer.load(sum, memory.largest, row)
      writer.store(writer.binary(sum, .maximum, largest, score), memory.largest, row)
    }
  }

  private func exponentiate(_ memory: Memory, _ keys: Affine, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    writer.loop(shape.queryBlock) { writer, row in
      let (old, new) = (
        writer.load(sum, memory.factor, row), writer.load(sum, memory.largest, row)
      )
      let factor = writer.unary(sum, .exponential, writer.binary(sum, .subtract, old, new))
      writer.store(factor, memory.factor, row)
      let total = writer.load(sum, memory.total, row)
      writer.store(writer.binary(sum, .multiply, total, factor), memory.total, row)
    }
    shape.forEachScore(keys, &writer) { writer, _, row, place in
      let above = writer.binary(
        sum, .subtract, writer.load(sum, memory.scores, place),
        writer.load(sum, memory.largest, row))
      let weight = writer.unary(sum, .exponential, above)
      writer.store(weight, memory.scores, place)
      let total = writer.load(sum, memory.total, row)
      writer.store(writer.binary(sum, .add, total, weight), memory.total, row)
    }
  }

  private func shrinkOutput(_ memory: Memory, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    writer.loop(shape.queryBlock) { writer, row in
      let factor = writer.load(sum, memory.factor, row)
      writer.loop(shape.width) { writer, column in
        let place = row * shape.width + column
        let x = writer.load(sum, memory.output, place)
        writer.store(writer.binary(sum, .multiply, x, factor), memory.output, place)
      }
    }
  }

  private func addValues(_ memory: Memory, _ keys: Affine, _ writer: inout NestWriter) {
    let tile = value.tile(
      from: keys * shape.keyBlock, rows: shape.keys(of: keys), in: shape.sum,
      widenedInto: memory.values, &writer)
    writer.append(
      .tileDot(
        TileDot(
          target: Tile(memory.output, Index(), rowStride: shape.width),
          left: Tile(memory.scores, Index(), rowStride: 1, columnStride: shape.queryBlock),
          right: tile,
          rows: Extent(shape.queryBlock), depth: shape.keys(of: keys), columns: shape.width,
          accumulates: true)))
  }

  private func finish(_ memory: Memory, _ block: Affine, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    let (batch, head) = (Affine(variable: 0), Affine(variable: 1))
    let strides = (rowMajorStrides(types[0].shape), rowMajorStrides(types[1].shape))
    writer.loop(shape.queries(of: block)) { writer, row in
      let query = block * shape.queryBlock + row
      let total = writer.load(sum, memory.total, row)
      let logSum = writer.binary(
        sum, .add, writer.load(sum, memory.largest, row), writer.unary(sum, .logarithm, total))
      writer.store(
        writer.converted(logSum, from: sum, to: types[1].element), .result(1),
        Affine.position([batch, head, query], strides.1))
      let inverse = writer.unary(sum, .reciprocal, total)
      writer.loop(shape.width) { writer, column in
        let x = writer.load(sum, memory.output, row * shape.width + column)
        let y = writer.binary(sum, .multiply, x, inverse)
        writer.store(
          writer.converted(y, from: sum, to: types[0].element), .result(0),
          Affine.position([batch, query, head, column], strides.0))
      }
    }
  }
}
