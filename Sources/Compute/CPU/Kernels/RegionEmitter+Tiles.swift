import DeepEPElements
import DeepEPTensors

/// A block of a tile's product that fits the registers: rows times vectors of columns.
struct RegisterBlock {
  /// How many rows at a time.
  var rows: Int
  /// The width of each vector.
  var lanes: Int
  /// How many vectors.
  var vectors: Int
  /// The columns of the last vector, fewer than its width at the end of a row.
  var lastColumns: Int
}

// Products of small matrices: sums stay in registers, columns are vectors, and elements of the left
// matrix are repeated in all lanes.
extension RegionEmitter {
  mutating func tileDot(_ dot: TileDot) throws {
    let sum = try element(of: dot.target.access.buffer)
    guard sum == .float32 || sum == .float64, dot.target.columnStride == 1,
      dot.right.columnStride == (dot.isPaired ? 2 : 1)
    else {
      throw failure(
        "a tile of \(sum.rawValue) whose columns are \(dot.target.columnStride) and "
          + "\(dot.right.columnStride) elements apart", "a region over \(region.parallel)",
        "sum in float32 or float64, and let columns be neighbours")
    }
    let tiles = try TileBases(
      target: base(dot.target), left: base(dot.left), right: base(dot.right), sum: sum)
    let factors = [tiles.left.element, tiles.right.element]
    guard !dot.isPaired || (sum == .float32 && factors == [.bfloat16, .bfloat16]) else {
      throw failure(
        "pairs of \(factors[0].rawValue) and \(factors[1].rawValue) in a sum of \(sum.rawValue)",
        "a region over \(region.parallel)", "pair bfloat16 numbers and sum in float32")
    }
    let rows = try count(dot.rows)
    let depth = try count(dot.depth)
    let lanes = vectorBits / (sum.byteCount * 8)
    for (start, block) in blocks(dot, lanes: lanes) {
      try rowGroups(dot, rows, of: block.rows) { emitter, row, rowCount in
        var block = block
        block.rows = rowCount
        emitter.product(dot, tiles, block, row: row, column: start, depth: depth)
      }
    }
  }

  /// The blocks that cover all columns.
  private func blocks(_ dot: TileDot, lanes: Int) -> [(column: Int, block: RegisterBlock)] {
    let registers = vectorBits >= 512 ? 32 : 16
    let most = registers == 32 ? 4 : 2
    return stride(from: 0, to: dot.columns, by: most * lanes).map { start in
      let columns = min(most * lanes, dot.columns - start)
      let vectors = (columns + lanes - 1) / lanes
      // Besides the sums there are the right matrix's vectors and one element of the left.
      let rows = min((registers - vectors - 2) / vectors, 8)
      let even = (1...rows).last { dot.rows.count % $0 == 0 && 2 * $0 > rows }
      let block = RegisterBlock(
        rows: min(even ?? rows, max(dot.rows.count, 1)), lanes: lanes, vectors: vectors,
        lastColumns: columns - (vectors - 1) * lanes)
      return (start, block)
    }
  }

  /// Runs a body for groups of rows, and then for each row that is left.
  private mutating func rowGroups(
    _ dot: TileDot, _ rows: String, of size: Int,
    _ body: @escaping (inout RegionEmitter, String, Int) -> Void
  ) throws {
    let most = text.value("sdiv i64 \(rows), \(size)")
    try boundedLoop(to: most) { emitter, group in
      body(&emitter, emitter.text.value("mul nsw i64 \(group), \(size)"), size)
    }
    guard dot.rows.bound != nil || dot.rows.count % size != 0 else { return }
    let done = text.value("mul nsw i64 \(most), \(size)")
    let rest = text.value("sub nsw i64 \(rows), \(done)")
    try boundedLoop(to: rest) { emitter, row in
      body(&emitter, emitter.text.value("add nsw i64 \(done), \(row)"), 1)
    }
  }

  struct TileBase {
    let address: String
    let element: ElementType
  }

  private struct TileBases {
    let target: TileBase
    let left: TileBase
    let right: TileBase
    let sum: ElementType
  }

  mutating func base(_ tile: Tile) throws -> TileBase {
    let element = try element(of: tile.access.buffer)
    return TileBase(address: try address(tile.access, element), element: element)
  }

  /// One block of the product, with a loop over the depth.
  private mutating func product(
    _ dot: TileDot, _ tiles: TileBases, _ block: RegisterBlock, row: String, column: Int,
    depth: String
  ) {
    let places = (0..<block.rows).map { index in
      let position = text.value("add nsw i64 \(row), \(index)")
      let start = text.value("mul nsw i64 \(position), \(dot.target.rowStride)")
      return (0..<block.vectors).map { vector in
        moved(tiles.target, start, column + vector * block.lanes)
      }
    }
    let first = text.value("mul nsw i64 \(row), \(dot.left.rowStride)")
    let left = moved(tiles.left, first, 0)
    let right = moved(tiles.right, "0", column * dot.right.columnStride)
    let starts = places.map { row in
      row.enumerated().map { vector, place in
        dot.accumulates ? load(place, tiles.target.element, tiles.sum, vector, block) : nil
      }
    }
    let sums = depthLoop(depth, starts, tiles.sum, block) { emitter, step, sums in
      let at = emitter.text.value("mul nsw i64 \(step), \(dot.right.rowStride)")
      let columns = (0..<block.vectors).map { vector in
        let place = emitter.moved(
          TileBase(address: right, element: tiles.right.element), at,
          vector * block.lanes * dot.right.columnStride)
        return dot.isPaired
          ? emitter.loadPairs(place, vector, block)
          : emitter.load(place, tiles.right.element, tiles.sum, vector, block)
      }
      let depthStart = emitter.text.value("mul nsw i64 \(step), \(dot.left.columnStride)")
      return (0..<block.rows).map { index in
        let place = emitter.moved(
          TileBase(address: left, element: tiles.left.element), depthStart,
          index * dot.left.rowStride)
        let repeated =
          dot.isPaired
          ? emitter.repeatedPair(place, block)
          : emitter.repeated(place, tiles.left.element, tiles.sum, block)
        return (0..<block.vectors).map { vector in
          let (column, sum) = (columns[vector], sums[index][vector])
          return dot.isPaired
            ? emitter.multiplyAddPairs(repeated, column, sum, block)
            : emitter.multiplyAdd(repeated, column, sum, tiles.sum, block)
        }
      }
    }
    for (places, sums) in zip(places, sums) {
      for (vector, place) in places.enumerated() {
        store(sums[vector], place, tiles.sum, vector, block)
      }
    }
  }

  /// A loop that carries sums in registers; they start at zero where nothing is given.
  private mutating func depthLoop(
    _ depth: String, _ starts: [[String?]], _ sum: ElementType, _ block: RegisterBlock,
    _ body: (inout RegionEmitter, String, [[String]]) -> [[String]]
  ) -> [[String]] {
    let type = sum.vector(block.lanes)
    let labels = (
      before: text.freshName("before"), head: text.freshName("head"),
      body: text.freshName("body"), done: text.freshName("done")
    )
    let counter = "%" + text.freshName("k")
    let sums = starts.map { $0.map { _ in "%" + text.freshName("s") } }
    text.line("br label %\(labels.before)")
    text.block(labels.before)
    text.line("br label %\(labels.head)")
    text.block(labels.head)
    text.line("\(counter) = phi i64 [ 0, %\(labels.before) ], [ \(counter).next, %\(labels.body) ]")
    for (name, start) in zip(sums.joined(), starts.joined()) {
      let value = start ?? "zeroinitializer"
      text.line(
        "\(name) = phi \(type) [ \(value), %\(labels.before) ], [ \(name).next, %\(labels.body) ]")
    }
    let more = text.value("icmp slt i64 \(counter), \(depth)")
    text.line("br i1 \(more), label %\(labels.body), label %\(labels.done)")
    text.block(labels.body)
    let next = body(&self, counter, sums)
    for (name, value) in zip(sums.joined(), next.joined()) {
      text.line("\(name).next = bitcast \(type) \(value) to \(type)")
    }
    text.line("\(counter).next = add nuw nsw i64 \(counter), 1")
    text.line("br label %\(labels.head)")
    text.block(labels.done)
    return sums
  }
}

extension ElementType {
  func vector(_ lanes: Int) -> String { "<\(lanes) x \(registerType)>" }
}
