import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// Something with integers or Booleans: all of it is exact, also where it jumps.
  mutating func integerStep() {
    let x = anyInteger()
    switch random.below(12) {
    case 0: keep(integerUnary(x))
    case 1..<4: keep(integerBinary(x, value(x.shape, x.type.element)))
    case 4: keep(x.compare(random.pick(Comparison.allCases), value(x.shape, x.type.element)))
    case 5: keep(integerChoice(x))
    case 6: keep(x.converted(to: random.pick(integerElements + [.bool, .int32])))
    case 7: integerReduction(x)
    case 8: if x.rank > 0, let y = moved(x) { keep(y) }
    case 9: rows(of: x)
    case 10: keepExact(float(x))
    default: integerContraction(x)
    }
  }

  mutating func anyInteger() -> Tensor {
    if integers.isEmpty || random.once(in: 4) {
      keep(leaf(shape(), random.pick(integerElements + [.bool])))
    }
    return recent(integers)
  }

  private mutating func integerUnary(_ x: Tensor) -> Tensor {
    if x.type.element == .bool { return x.unary(.not) }
    return x.unary(random.pick([.negate, .absolute, .sign, .not]))
  }

  private mutating func integerBinary(_ x: Tensor, _ y: Tensor) -> Tensor {
    let logical: [BinaryFunction] = [.add, .multiply, .maximum, .minimum, .and, .or, .exclusiveOr]
    if x.type.element == .bool { return x.binary(random.pick(logical), y) }
    return x.binary(
      random.pick(logical + [.subtract, .divide, .remainder, .shiftLeft, .shiftRight]), y)
  }

  private mutating func integerChoice(_ x: Tensor) -> Tensor {
    value(x.shape, .bool).select(x, value(x.shape, x.type.element))
  }

  private mutating func integerReduction(_ x: Tensor) {
    guard x.rank > 0 else { return }
    let dimensions = x.shape.indices.filter { _ in random.once(in: 2) }
    // Of Booleans, the law of sums is that they are `or`; products are `and`.
    keep(x.reduced(random.pick(Reduction.allCases), dimensions.isEmpty ? [x.rank - 1] : dimensions))
  }

  private mutating func rows(of table: Tensor) {
    guard table.rank > 0 else { return }
    let rows = shape(rank: 1)
    let updates = rows + table.shape.dropFirst()
    guard updates.reduce(1, *) <= Self.elementLimit else { return }
    let places = indices(rows, limit: table.shape[0])
    if table.type.element == .bool || random.once(in: 2) { return keep(table.gather(places)) }
    keep(table.scatterAdd(places, value(updates, table.type.element)))
  }

  /// A small float that says what an integer was, to a multiple of 1/16.
  private mutating func float(_ x: Tensor) -> Tensor {
    guard x.type.element != .bool else { return x.converted(to: element) }
    return x.binary(.remainder, x.filled(with: 16)).converted(to: element) * 0x1p-4
  }

  private mutating func integerContraction(_ x: Tensor) {
    guard x.rank > 0, x.type.element != .bool else { return }
    keep(contracted(x) { $0.value($1, x.type.element) } ?? x)
  }
}
