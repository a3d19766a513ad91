import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// Makes a program with one entry `evaluate`, whose first result is the loss of a language model's
  /// head: rows times a wide table, compared with labels, of which some do not count.
  package init(headOfSeed seed: UInt64, element: ElementType) {
    self.init(seed: seed, element: element, isSmooth: true)
    trace = Trace(isRoot: true)
    let depth = 1 + random.below(7)
    let columns = 4 * depth + random.pick([1, 2, 5, 20, 61])
    let rows = random.pick([
      [5], [7], [65], [2, 3], [3, 5], [1, 9], [4, 4], [2, 1, 3], [3, 2, 2],
    ])
    let hasRowsFirst = random.once(in: 2)
    let table = slot(Type(element, hasRowsFirst ? [columns, depth] : [depth, columns]))
    let x = hidden(rows, depth, hasRowsFirst ? table : nil)
    let logits = changed(product(x, table, hasRowsFirst: hasRowsFirst))
    let labels = indices(rows, limit: columns)
    let losses = logits.applyAll(CrossEntropy(), [labels])
    let counts = labels.compare(.greaterOrEqual, labels.filled(with: 0))
    let counted = counts.select(losses[0], losses[0].filled(with: 0))
    let total = counted.sum() * random.pick([1, 0.125])
    var results = [total] + (random.once(in: 2) ? [losses[0]] : [])
    if random.once(in: 3) { results.append(logits.largest([-1])) }
    if random.once(in: 4) { results.append(losses[1]) }
    var entry = Entry(name: .evaluate)
    for (index, value) in results.compactMap(\.value).enumerated() {
      entry.results.append(EntryResult(name: index == 0 ? "loss" : "rows\(index)", value: value))
    }
    add(entry)
  }

  /// What the head reads, `[rows..., depth]`: made from rows of the table, if one is given, or from an
  /// input.
  private mutating func hidden(_ rows: [Int], _ depth: Int, _ table: Tensor?) -> Tensor {
    let type = Type(element, rows + [depth])
    let start: Tensor
    if let table, random.once(in: 2) {
      start = table.gather(indices(rows, limit: table.shape[0]))
    } else {
      start = argument(type)
    }
    let inner = rows.count
    let dot = Dot(
      left: Array(0...inner), right: [inner, inner + 1],
      result: Array(0..<inner) + [inner + 1], element: nil)
    return start + start.apply(dot, slot(Type(element, [depth, depth]))).hyperbolicTangent()
  }

  /// The logits, the operands in either order.
  private mutating func product(_ x: Tensor, _ table: Tensor, hasRowsFirst: Bool) -> Tensor {
    let inner = x.rank - 1
    let own = Array(0...inner)
    let other = hasRowsFirst ? [x.rank, inner] : [inner, x.rank]
    let result = Array(own.dropLast()) + [x.rank]
    guard random.once(in: 2) else {
      return x.apply(Dot(left: own, right: other, result: result, element: nil), table)
    }
    return table.apply(Dot(left: other, right: own, result: result, element: nil), x)
  }

  /// Logits with a bias, a scale or a cap.
  private mutating func changed(_ logits: Tensor) -> Tensor {
    var logits = logits
    if random.once(in: 3) {
      let bias = slot(Type(element, [logits.shape[logits.rank - 1]]))
      logits = logits + bias.broadcast(to: logits.shape, dimensions: [logits.rank - 1])
    }
    if random.once(in: 3) { logits = logits * 0.5 }
    if random.once(in: 3) { logits = (logits * 0.25).hyperbolicTangent() * 4 }
    return logits
  }
}
