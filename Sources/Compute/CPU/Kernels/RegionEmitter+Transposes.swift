import DeepEPElements
import DeepEPTensors

// Copies of tiles with rows and columns exchanged: squares of them in registers, the rest one by one.
extension RegionEmitter {
  /// The two matrices, in elements that are moved whole.
  private struct Exchange {
    let target: TileBase
    let source: TileBase
    let transpose: TileTranspose
    /// LLVM's type of what is moved.
    let unit: String
    /// The rows and columns of a square.
    let lanes: Int
    var alignment: Int { target.element.byteCount }
    /// Neighbours in an element that is moved.
    var group: Int { transpose.isPaired ? 2 : 1 }
  }

  mutating func transpose(_ transpose: TileTranspose) throws {
    let tiles = try (base(transpose.target), base(transpose.source))
    let group = transpose.isPaired ? 2 : 1
    guard tiles.0.element == tiles.1.element,
      transpose.tiles.allSatisfy({ $0.columnStride == group })
    else {
      throw failure(
        "a transpose of \(tiles.1.element.rawValue) into \(tiles.0.element.rawValue)",
        "a region over \(region.parallel)", "use one type, and let columns be neighbours")
    }
    let bits = tiles.0.element.byteCount * 8 * group
    let exchange = Exchange(
      target: tiles.0, source: tiles.1, transpose: transpose, unit: "i\(bits)",
      lanes: vectorBits / bits)
    let (rows, columns) = (transpose.rows, transpose.columns)
    let lanes = exchange.lanes
    let whole = (rows / lanes * lanes, columns / lanes * lanes)
    try nest((0, whole.0), (0, whole.1), step: lanes) { $0.square(exchange, $1, $2) }
    try nest((0, whole.0), (whole.1, columns), step: 1) { $0.single(exchange, $1, $2) }
    try nest((whole.0, rows), (0, columns), step: 1) { $0.single(exchange, $1, $2) }
  }

  /// Two loops over ranges whose lengths are multiples of the step.
  private mutating func nest(
    _ rows: (Int, Int), _ columns: (Int, Int), step: Int,
    _ body: @escaping (inout RegionEmitter, String, String) -> Void
  ) throws {
    guard rows.0 < rows.1, columns.0 < columns.1 else { return }
    let position = { (emitter: inout RegionEmitter, counter: String, start: Int) in
      let steps = emitter.text.value("mul nuw nsw i64 \(counter), \(step)")
      return emitter.text.value("add nuw nsw i64 \(steps), \(start)")
    }
    try boundedLoop(to: "\((rows.1 - rows.0) / step)") { emitter, counter in
      let row = position(&emitter, counter, rows.0)
      try emitter.boundedLoop(to: "\((columns.1 - columns.0) / step)") { emitter, counter in
        body(&emitter, row, position(&emitter, counter, columns.0))
      }
    }
  }

  private mutating func place(
    _ base: TileBase, _ tile: Tile, _ row: String, _ column: String, group: Int
  ) -> String {
    let start = text.value("mul nsw i64 \(row), \(tile.rowStride)")
    let across = text.value("mul nsw i64 \(column), \(group)")
    return moved(base, text.value("add nsw i64 \(start), \(across)"), 0)
  }

  private mutating func single(_ exchange: Exchange, _ row: String, _ column: String) {
    let tile = exchange.transpose
    let from = place(exchange.source, tile.source, row, column, group: exchange.group)
    let to = place(exchange.target, tile.target, column, row, group: exchange.group)
    let value = text.value("load \(exchange.unit), ptr \(from), align \(exchange.alignment)")
    text.line("store \(exchange.unit) \(value), ptr \(to), align \(exchange.alignment)")
  }

  private mutating func square(_ exchange: Exchange, _ row: String, _ column: String) {
    let (tile, lanes) = (exchange.transpose, exchange.lanes)
    let type = "<\(lanes) x \(exchange.unit)>"
    let from = place(exchange.source, tile.source, row, column, group: exchange.group)
    let to = place(exchange.target, tile.target, column, row, group: exchange.group)
    let vectors = (0..<lanes).map { index in
      let start = "\(index * tile.source.rowStride)"
      let address = moved(TileBase(address: from, element: exchange.source.element), start, 0)
      return text.value("load \(type), ptr \(address), align \(exchange.alignment)")
    }
    for (index, vector) in exchanged(vectors, type).enumerated() {
      let start = "\(index * tile.target.rowStride)"
      let address = moved(TileBase(address: to, element: exchange.target.element), start, 0)
      text.line("store \(type) \(vector), ptr \(address), align \(exchange.alignment)")
    }
  }

  /// A square of vectors, transposed by exchanging its off-diagonal quarters, then theirs (Eklundh: A
  /// fast computer method for matrix transposing, 1972).
  private mutating func exchanged(_ vectors: [String], _ type: String) -> [String] {
    var vectors = vectors
    let count = vectors.count
    var block = count / 2
    while block > 0 {
      for first in 0..<count where first & block == 0 {
        let pair = (vectors[first], vectors[first + block])
        let low = (0..<count).map { $0 & block == 0 ? $0 : count + $0 - block }
        let high = (0..<count).map { $0 & block == 0 ? $0 + block : count + $0 }
        vectors[first] = shuffled(pair, low, type)
        vectors[first + block] = shuffled(pair, high, type)
      }
      block /= 2
    }
    return vectors
  }

  private mutating func shuffled(
    _ pair: (String, String), _ lanes: [Int], _ type: String
  ) -> String {
    let list = lanes.map { "i32 \($0)" }.joined(separator: ", ")
    return text.value(
      "shufflevector \(type) \(pair.0), \(type) \(pair.1), <\(lanes.count) x i32> <\(list)>")
  }
}
