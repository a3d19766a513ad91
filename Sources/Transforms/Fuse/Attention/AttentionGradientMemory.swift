import DeepEPElements
import DeepEPTensors

/// What a parallel iteration of attention's gradient keeps for itself.
struct AttentionGradientMemory {
  /// Queries and the output's gradient, transposed, `[width, queries]`.
  let query: Buffer
  let gradient: Buffer
  /// Rows of a tile as products over them read them: queries, keys, values, the output's gradient.
  let rows: [Buffer]
  /// Scores and the gradients by the shares, `[keys, queries]`.
  let scores: Buffer
  let byShares: Buffer
  /// The shares and the gradients by the scores, `[keys, queries]`, as they are multiplied; if that is
  /// not narrow, where the above were.
  let shares: Buffer
  let byScores: Buffer
  /// The gradients by the scores for the product over keys.
  let byQueries: Buffer
  let logSum: Buffer
  /// For each query its output times the output's gradient.
  let along: Buffer
  /// Sums of the gradients by query, key and value; results where these are wide enough to sum in.
  let sums: [SumPlace]
  /// Whether they are.
  let sumsInResults: Bool

  init(_ shape: AttentionShape, _ results: [Type], _ writer: inout NestWriter) {
    let (sum, tile) = (shape.sum, shape.keys.size * shape.queries.size)
    let columns = shape.width * shape.queries.size
    let isPaired = shape.isPaired
    query = writer.newScratch(shape.factor, columns)
    gradient = writer.newScratch(shape.factor, columns)
    let sizes = [shape.queries, shape.keys, shape.keys, shape.queries].map(\.size)
    rows = sizes.map { writer.newScratch(shape.factor, $0 * shape.width) }
    scores = writer.newScratch(sum, tile)
    byShares = writer.newScratch(sum, tile)
    shares = isPaired ? writer.newScratch(shape.factor, tile) : scores
    byScores = isPaired ? writer.newScratch(shape.factor, tile) : byShares
    byQueries = isPaired ? writer.newScratch(shape.factor, tile) : byShares
    logSum = writer.newScratch(sum, shape.queries.size)
    along = writer.newScratch(sum, shape.queries.size)
    let inResults = results[0].element == sum
    sumsInResults = inResults
    sums = results.indices.map {
      inResults
        ? SumPlace(result: $0, results[$0]) : SumPlace(held: results[$0], sum, &writer)
    }
  }
}

/// Where a sum of rows of a head is.
struct SumPlace {
  let buffer: Buffer
  let rowStride: Int
  private let batchStride: Int
  private let headStride: Int

  /// In a result.
  init(result: Int, _ type: Type) {
    let strides = rowMajorStrides(type.shape)
    buffer = .result(result)
    (batchStride, rowStride, headStride) = (strides[0], strides[1], strides[2])
  }

  /// In memory of its own, for the head at hand.
  init(held type: Type, _ sum: ElementType, _ writer: inout NestWriter) {
    buffer = writer.newScratch(sum, type.shape[1] * type.shape[3])
    (batchStride, rowStride, headStride) = (0, type.shape[3], 0)
  }

  func place(_ row: Affine, _ column: Affine) -> Affine {
    Affine(variable: 0) * batchStride + row * rowStride + Affine(variable: 1) * headStride + column
  }
}
