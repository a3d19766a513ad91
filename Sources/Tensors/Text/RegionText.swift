extension Region {
  /// The loop nest as people read it; not the form that parses.
  package var loopText: String {
    let variables = parallel.enumerated().map { "i\($0) < \($1)" }.joined(separator: ", ")
    let buffers = scratch.enumerated().map { "scratch\($0): \($1.element.rawValue)[\($1.count)]" }
    return
      (["parallel \(variables) {"] + buffers.map { "  " + $0 } + body.flatMap { $0.lines("  ") }
      + ["}"]).joined(separator: "\n")
  }
}

extension Statement {
  fileprivate func lines(_ indent: String) -> [String] {
    switch self {
    case .define(let register, let element, let expression):
      ["\(indent)r\(register): \(element.rawValue) = \(expression.text)"]
    case .store(let access, let register): ["\(indent)\(access.text) = r\(register)"]
    case .accumulate(let accumulator, let register): ["\(indent)r\(accumulator) <- r\(register)"]
    case .loop(let loop):
      ["\(indent)for i\(loop.variable) < \(loop.extentText)\(loop.accumulatorText) {"]
        + loop.body.flatMap { $0.lines(indent + "  ") } + ["\(indent)}"]
    case .tileDot(let tile): [indent + tile.text]
    case .transpose(let tile): [indent + tile.text]
    }
  }
}

extension TileDot {
  fileprivate var text: String {
    let sign = accumulates ? "+=" : "="
    let sizes = "\(rows.text) x \(depth.text)\(isPaired ? " pairs" : "") x \(columns)"
    return "\(target.text) \(sign) \(left.text) · \(right.text)  \(sizes)"
  }
}

extension TileTranspose {
  fileprivate var text: String {
    "\(target.text) = transposed \(source.text)  \(rows) x \(columns)\(isPaired ? " pairs" : "")"
  }
}

extension Tile {
  fileprivate var text: String { "\(access.text) by (\(rowStride), \(columnStride))" }
}

extension Extent {
  fileprivate var text: String { bound.map { "min(\(count), \($0.text))" } ?? "\(count)" }
}

extension Loop {
  fileprivate var extentText: String { Extent(extent, bound: bound).text }

  fileprivate var accumulatorText: String {
    accumulators.map { " r\($0.register) = \($0.reduction.rawValue)" }.joined()
  }
}

extension Access {
  fileprivate var text: String {
    switch buffer {
    case .operand(let number): "operand\(number)[\(index.text)]"
    case .result(let number): "result\(number)[\(index.text)]"
    case .scratch(let number): "scratch\(number)[\(index.text)]"
    }
  }
}

extension Index {
  fileprivate var text: String {
    let parts =
      terms.map { $0.stride == 1 ? "i\($0.variable)" : "\($0.stride)·i\($0.variable)" }
      + gathers.map { "\($0.stride)·r\($0.register)" }
    if parts.isEmpty { return "\(offset)" }
    return parts.joined(separator: " + ") + (offset == 0 ? "" : " + \(offset)")
  }
}

extension Expression {
  fileprivate var text: String {
    switch self {
    case .load(let access): access.text
    case .constant(let number): "\(number)"
    case .index(let index): index.text
    case .unary(let function, let x): "\(function.rawValue) r\(x)"
    case .binary(let function, let x, let y): "\(function.rawValue) r\(x), r\(y)"
    case .compare(let comparison, let x, let y): "\(comparison.rawValue) r\(x), r\(y)"
    case .select(let condition, let x, let y): "r\(condition) ? r\(x) : r\(y)"
    case .convert(let x): "convert r\(x)"
    case .random(let key, let number): "random r\(key) [r\(number)]"
    }
  }
}
