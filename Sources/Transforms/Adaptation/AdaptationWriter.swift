import DeepEPTensors

/// Writes an entry in which what is multiplied by some matrices also goes through two small ones beside each.
struct AdaptationWriter {
  private let entry: Entry
  private let slots: [Slot]
  /// The place of the first of two small matrices, by the slot of the matrix beside which they stand.
  private let places: [Int: Int]
  private let scale: Double
  private var rewriter: GraphRewriter
  private var reads: [Int: Value] = [:]

  init(_ entry: Entry, _ slots: [Slot], places: [Int: Int], scale: Double) {
    (self.entry, self.slots, self.places, self.scale) = (entry, slots, places, scale)
    rewriter = GraphRewriter(entry.graph)
  }

  /// The entry.
  consuming func written() throws -> Entry {
    for (index, node) in entry.graph.nodes.enumerated() {
      rewriter.copy(index)
      guard let use = WeightUse(node, in: entry.graph), let place = places[use.slot] else {
        continue
      }
      let value = Value(node: index)
      rewriter[value] = try adapted(rewriter[value], node, use, place)
    }
    return rewriter.finish(entry)
  }

  /// A product with the small matrices' part added.
  private mutating func adapted(
    _ product: Value, _ node: Node, _ use: WeightUse, _ place: Int
  ) throws -> Value {
    let labels = use.labels
    let (input, output) = (labels.matrix[use.inputDimension], labels.matrix[1 - use.inputDimension])
    let rank = (use.dot.left + use.dot.right).reduce(0, max) + 1
    let narrow = labels.other.filter { $0 != input } + [rank]
    let x = rewriter[node.operands[1 - use.operand]]
    let down = Dot(left: labels.other, right: [rank, input], result: narrow)
    let up = Dot(
      left: narrow, right: [output, rank], result: use.dot.result, element: use.dot.element)
    let inner = try write(down, [x, try read(place, node)], node)
    let factor = try write(
      Constant(type: rewriter.target.type(of: inner), numbers: [scale]), [], node)
    let scaled = try write(Binary(function: .multiply), [inner, factor], node)
    let outer = try write(up, [scaled, try read(place + 1, node)], node)
    return try write(Binary(function: .add), [product, outer], node)
  }

  private mutating func read(_ slot: Int, _ node: Node) throws -> Value {
    if let known = reads[slot] { return known }
    let value = try write(Read(slot: slot, type: slots[slot].type), [], node)
    reads[slot] = value
    return value
  }

  private mutating func write(
    _ operation: any Operation, _ operands: [Value], _ node: Node
  ) throws -> Value {
    Value(node: try rewriter.target.append(operation, operands, origin: node.origin))
  }
}
