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
  private let memory: Memory
  private let sight: AttentionSight
  private let types: [Type]
  /// What knows the memory above, and nothing else yet.
  private let start: NestWriter

  /// - Parameters:
  ///   - views: How query, key and value are seen in the operands of the same number.
  ///   - pairedElements: The types whose products the device takes in pairs.
  init(
    _ attention: Attention, operands: [Type], views: [View], results: [Type],
    pairedElements: Set<ElementType>
  ) {
    shape = AttentionShape(
      attention, query: operands[0], key: operands[1], pairedElements: pairedElements)
    let headed = (0..<3).map { HeadedOperand($0, operands, views) }
    (query, key, value) = (headed[0], headed[1], headed[2])
    types = results
    var writer = NestWriter(parallel: [shape.batch, shape.heads, shape.queries.count])
    memory = Memory(shape, &writer)
    sight = AttentionSight(shape, operands, views, &writer)
    start = writer
  }

  /// What a parallel iteration keeps for itself.
  private struct Memory {
    /// Queries, and they transposed, `[width, queries]`.
    let rows: Buffer
    let query: Buffer
    /// Scores, `[keys, queries]`.
    let scores: Buffer
    /// Exponentials, as the left matrix of a product over keys; if they are not narrow, where the
    /// scores were.
    let weights: Buffer
    /// Weighted values, `[queries, width]`.
    let output: Buffer
    let largest: Buffer
    let total: Buffer
    /// By what the sums before shrink.
    let factor: Buffer
    /// Keys and values of a tile.
    let keys: Buffer
    let values: Buffer

    init(_ shape: AttentionShape, _ writer: inout NestWriter) {
      let (sum, queries, keys) = (shape.sum, shape.queries.size, shape.keys.size)
      rows = writer.newScratch(shape.factor, shape.width * queries)
      query = writer.newScratch(shape.factor, shape.width * queries)
      scores = writer.newScratch(sum, keys * queries)
      weights = shape.isPaired ? writer.newScratch(shape.factor, keys * queries) : scores
      output = writer.newScratch(sum, queries * shape.width)
      largest = writer.newScratch(sum, queries)
      total = writer.newScratch(sum, queries)
      factor = writer.newScratch(sum, queries)
      self.keys = writer.newScratch(shape.factor, keys * shape.width)
      values = writer.newScratch(shape.factor, keys * shape.width)
    }
  }

  /// The region.
  func written() -> Region {
    var writer = start
    let block = writer.parallelVariable(2)
    prepare(block, &writer)
    let range = sight.enter(block, &writer)
    sight.forEachKeyBlock(of: block, range, &writer) { writer, keys in
      multiplyQueries(keys, &writer)
      findLargest(block, keys, &writer)
      shrinkTotal(&writer)
      exponentiate(keys, &writer)
      shrinkOutput(&writer)
      addValues(keys, &writer)
    }
    finish(block, &writer)
    return writer.region(types)
  }

  private func prepare(_ block: Affine, _ writer: inout NestWriter) {
    let sum = shape.sum
    _ = query.rows(shape.queries, block, as: shape.factor, into: memory.rows, &writer)
    shape.transpose(memory.rows, into: memory.query, &writer)
    // Nothing is smaller, but differences to it are numbers: a tile may show a query nothing.
    let lowest = writer.constant(sum, -sum.largestFinite)
    let zero = writer.constant(sum, 0)
    writer.loop(shape.queries.size) { writer, row in
      writer.store(lowest, memory.largest, row)
      writer.store(zero, memory.total, row)
    }
    writer.loop(shape.queries.size * shape.width) { $0.store(zero, memory.output, $1) }
  }

  private func multiplyQueries(_ keys: Affine, _ writer: inout NestWriter) {
    let tile = key.rows(shape.keys, keys, as: shape.factor, into: memory.keys, &writer)
    shape.multiply(tile, memory.query, keys, into: memory.scores, &writer)
  }

  /// The largest score of each query so far; scores that a query must not see become minus infinity.
  private func findLargest(_ block: Affine, _ keys: Affine, _ writer: inout NestWriter) {
    let sum = shape.sum
    writer.loop(shape.queries.size) { writer, row in
      writer.store(writer.load(sum, memory.largest, row), memory.factor, row)
    }
    let lowest = writer.constant(sum, -.infinity)
    let scale = writer.constant(sum, shape.attention.scale)
    shape.forEachScore(keys, &writer) { writer, _, query, scores in
      let numbers = scores.map { score in
        let found = writer.load(sum, memory.scores, score.place)
        let scaled = writer.binary(sum, .multiply, found, scale)
        let seen = sight.masked(scaled, by: lowest, score, of: keys, block, &writer)
        writer.store(seen, memory.scores, score.place)
        return seen
      }
      let here = writer.combined(numbers, sum, .maximum)
      let largest = writer.load(sum, memory.largest, query)
      writer.store(writer.binary(sum, .maximum, largest, here), memory.largest, query)
    }
  }

  private func shrinkTotal(_ writer: inout NestWriter) {
    let sum = shape.sum
    writer.loop(shape.queries.size) { writer, row in
      let (old, new) = (
        writer.load(sum, memory.factor, row), writer.load(sum, memory.largest, row)
      )
      let factor = writer.unary(sum, .exponential, writer.binary(sum, .subtract, old, new))
      writer.store(factor, memory.factor, row)
      let total = writer.load(sum, memory.total, row)
      writer.store(writer.binary(sum, .multiply, total, factor), memory.total, row)
    }
  }

  private func exponentiate(_ keys: Affine, _ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    shape.forEachScore(keys, &writer) { writer, pair, query, scores in
      let largest = writer.load(sum, memory.largest, query)
      let weights = scores.map { score in
        let number = writer.load(sum, memory.scores, score.place)
        return writer.unary(
          sum, .exponential, writer.binary(sum, .subtract, number, largest))
      }
      let narrow = weights.map { writer.converted($0, from: sum, to: shape.factor) }
      shape.storeByQueries(narrow, pair, scores, memory.weights, &writer)
      let here = writer.combined(weights, sum, .add)
      let total = writer.load(sum, memory.total, query)
      writer.store(writer.binary(sum, .add, total, here), memory.total, query)
    }
  }

  private func shrinkOutput(_ writer: inout NestWriter) {
    let (shape, sum) = (shape, shape.sum)
    writer.loop(shape.queries.size) { writer, row in
      let factor = writer.load(sum, memory.factor, row)
      writer.loop(shape.width) { writer, column in
        let place = row * shape.width + column
        let x = writer.load(sum, memory.output, place)
        writer.store(writer.binary(sum, .multiply, x, factor), memory.output, place)
      }
    }
  }

  private func addValues(_ keys: Affine, _ writer: inout NestWriter) {
    writer.append(
      .tileDot(
        TileDot(
          target: Tile(memory.output, Index(), rowStride: shape.width),
          left: shape.byQueries(memory.weights), right: values(keys, &writer),
          rows: Extent(shape.queries.size), depth: shape.depth(shape.keys, keys),
          columns: shape.width, accumulates: true, isPaired: shape.isPaired)))
  }

  private func values(_ keys: Affine, _ writer: inout NestWriter) -> Tile {
    shape.isPaired
      ? value.pairs(shape.keys, keys, into: memory.values, &writer)
      : value.rows(shape.keys, keys, as: shape.sum, into: memory.values, &writer)
  }

  private func finish(_ block: Affine, _ writer: inout NestWriter) {
    let sum = shape.sum
    let (batch, head) = (Affine(variable: 0), Affine(variable: 1))
    let strides = (rowMajorStrides(types[0].shape), rowMajorStrides(types[1].shape))
    writer.loop(shape.queries.positions(of: block)) { writer, row in
      let query = block * shape.queries.size + row
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

extension ElementType {
  /// The largest number of a type of sums.
  fileprivate var largestFinite: Double {
    self == .float64 ? .greatestFiniteMagnitude : Double(Float.greatestFiniteMagnitude)
  }
}
