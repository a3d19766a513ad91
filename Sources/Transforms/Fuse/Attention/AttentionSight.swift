import DeepEPElements
import DeepEPTensors

/// What the queries of an attention see, in a region: which tiles have a score at all, and which of
/// their scores count.
struct AttentionSight {
  private let shape: AttentionShape
  private let segments: Segments?

  /// The segment of each position, and those of a block of queries.
  private struct Segments {
    let buffer: Buffer
    let element: ElementType
    let view: View
    /// The segments of the queries at hand.
    let own: Buffer

    func load(_ position: Affine, _ writer: inout NestWriter) -> Register {
      let place = Affine.position([Affine(variable: 0), position], view.strides)
      return writer.load(element, buffer, Affine(view.offset) + place)
    }
  }

  /// The least and greatest segment of a block.
  struct Range {
    fileprivate let low: Register
    fileprivate let high: Register
  }

  init(_ shape: AttentionShape, _ operands: [Type], _ views: [View], _ writer: inout NestWriter) {
    self.shape = shape
    guard shape.attention.hasSegments, let type = operands.last, let view = views.last else {
      segments = nil
      return
    }
    segments = Segments(
      buffer: .operand(operands.count - 1), element: type.element, view: view,
      own: writer.newScratch(type.element, shape.queries.size))
  }

  /// Reads what has to be known of a block of queries.
  func enter(_ block: Affine, _ writer: inout NestWriter) -> Range? {
    guard let segments else { return nil }
    return range(shape.queries, block, &writer) { writer, query, segment in
      writer.store(segment, segments.own, query)
    }
  }

  private func range(
    _ blocks: Blocks, _ block: Affine, _ writer: inout NestWriter,
    _ body: (inout NestWriter, Affine, Register) -> Void = { _, _, _ in }
  ) -> Range? {
    guard let segments else { return nil }
    let found = writer.reduce(
      blocks.positions(of: block), segments.element, [.minimum, .maximum]
    ) { writer, position in
      let segment = segments.load(block * blocks.size + position, &writer)
      body(&writer, position, segment)
      return segment
    }
    return Range(low: found[0], high: found[1])
  }

  /// Writes a loop over the blocks of keys of which a block of queries may see something.
  func forEachKeyBlock(
    of block: Affine, _ range: Range?, _ writer: inout NestWriter,
    _ body: (inout NestWriter, Affine) -> Void
  ) {
    let (count, size) = (shape.keys.count, shape.keys.size)
    let end = (block + Affine(1)).index
    switch shape.attention.mask {
    case .causal where size == shape.queries.size:
      writer.loop(count, bound: end) { touched(range, $1, &$0, body) }
    case .window(let length) where size == shape.queries.size:
      // The block of the queries themselves comes first, then those before it.
      let reach = (length + size - 2) / size
      writer.loop(min(count, reach + 1), bound: end) { touched(range, block - $1, &$0, body) }
    default:
      writer.loop(count) { touched(range, $1, &$0, body) }
    }
  }

  /// Writes the body for a block of keys if its segments may be among those of the queries.
  private func touched(
    _ own: Range?, _ keys: Affine, _ writer: inout NestWriter,
    _ body: (inout NestWriter, Affine) -> Void
  ) {
    guard let own, let other = range(shape.keys, keys, &writer) else {
      return body(&writer, keys)
    }
    let starts = writer.define(.bool, .compare(.lessOrEqual, other.low, own.high))
    let ends = writer.define(.bool, .compare(.greaterOrEqual, other.high, own.low))
    let both = writer.define(.int32, .convert(writer.both(starts, ends)))
    let bound = Index(gathers: [GatherTerm(both, limit: 2, stride: 1)])
    writer.loop(1, bound: bound) { writer, _ in body(&writer, keys) }
  }

  /// What the place of a key that a query must not see gets instead of its number.
  func masked(
    _ number: Register, by other: Register, _ score: AttentionShape.Score, of keys: Affine,
    _ block: Affine, _ writer: inout NestWriter
  ) -> Register {
    let query = block * shape.queries.size + score.query
    let key = keys * shape.keys.size + score.key
    var isSeen: Register?
    let require = { (writer: inout NestWriter, condition: Register) in
      isSeen = isSeen.map { writer.both($0, condition) } ?? condition
    }
    if shape.attention.mask != .none {
      require(&writer, writer.compare(.greaterOrEqual, query, key))
    }
    if case .window(let length) = shape.attention.mask {
      require(&writer, writer.compare(.less, query, key + Affine(length)))
    }
    if let segments {
      let own = writer.load(segments.element, segments.own, score.query)
      let segment = segments.load(key, &writer)
      require(&writer, writer.define(.bool, .compare(.equal, own, segment)))
    }
    guard let isSeen else { return number }
    return writer.define(shape.sum, .select(isSeen, number, other))
  }
}

extension NestWriter {
  fileprivate mutating func both(_ x: Register, _ y: Register) -> Register {
    let no = constant(.bool, 0)
    return define(.bool, .select(x, y, no))
  }

  fileprivate mutating func compare(
    _ comparison: Comparison, _ x: Affine, _ y: Affine
  ) -> Register {
    let positions = [x, y].map { define(.int32, .index($0.index)) }
    return define(.bool, .compare(comparison, positions[0], positions[1]))
  }
}
