import DeepEPElements
import DeepEPTensors

/// Tables whose rows are split (Shoeybi et al.: Megatron-LM, 2019, section 3: the embedding): each rank
/// looks up the rows that it has, or adds to them; the others' are zero.
extension Partitioner {
  mutating func writeLookup(
    _ work: OperationWork, _ operands: [Value], _ split: ShardedFactor, _ sharding: Sharding
  ) throws {
    let (indices, isOwn) = try own(operands[1], split)
    let result: Value
    if work.node.operation is Gather {
      let found = try append(Gather(), [operands[0], indices])
      result = try zeroed(found, where: isOwn)
    } else {
      let updates = try zeroed(operands[2], where: isOwn)
      result = try append(ScatterAdd(), [operands[0], indices, updates])
    }
    copies[Value(node: work.index)] = [ShardedCopy(sharding, result)]
  }

  /// Indices counted from the rank's first row, and whether they are among its rows.
  private mutating func own(
    _ indices: Value, _ split: ShardedFactor
  ) throws -> (Value, Value) {
    let wide = Type(.int64, target.type(of: indices).shape)
    let numbers = try append(Convert(element: .int64), [indices])
    let last = try constant(Double(split.size - 1), wide)
    // As the whole table does: an index outside finds its first or last row.
    let low = try append(Binary(function: .maximum), [numbers, constant(0, wide)])
    var place = try append(Binary(function: .minimum), [low, last])
    var isOwn: Value?
    var part = ShardedFactor(split.size)
    for axis in split.axes {
      part.axes.append(axis)
      let size = part.localSize(mesh)
      let start = try append(Convert(element: .int64), [index(along: axis)])
      let first = try append(
        Binary(function: .multiply), [start, constant(Double(size), Type(.int64, []))])
      let firsts = try append(Broadcast(shape: wide.shape, dimensions: []), [first])
      place = try append(Binary(function: .subtract), [place, firsts])
      let isHere = try inside(place, size)
      isOwn = try isOwn.map { try append(Binary(function: .and), [$0, isHere]) } ?? isHere
    }
    return try (place, isOwn ?? constant(1, Type(.bool, wide.shape)))
  }

  private mutating func inside(_ place: Value, _ size: Int) throws -> Value {
    let type = target.type(of: place)
    let isAfter = try append(Compare(comparison: .greaterOrEqual), [place, constant(0, type)])
    let isBefore = try append(
      Compare(comparison: .less), [place, constant(Double(size), type)])
    return try append(Binary(function: .and), [isAfter, isBefore])
  }

  /// Rows, zero where a condition on their index does not hold.
  private mutating func zeroed(_ rows: Value, where condition: Value) throws -> Value {
    let type = target.type(of: rows)
    let leading = Array(0..<target.type(of: condition).rank)
    let wide = try append(Broadcast(shape: type.shape, dimensions: leading), [condition])
    return try append(Select(), [wide, rows, constant(0, type)])
  }
}
