import DeepEPElements
import DeepEPTensors

/// Values that cost nothing to make again: numbers, indices, what is repeated along new dimensions,
/// and what is computed element by element from those alone. They are written where they are used, in
/// the sharding that is needed there.
extension Partitioner {
  /// Notes a value that is free; false if it is not.
  mutating func isFree(_ node: Node, _ value: Value) throws -> Bool {
    switch node.operation {
    case let broadcast as Broadcast:
      free[value] = try broadcastSharding(broadcast, node.operands[0])
      inherit(names: value, node)
      return true
    case is Reshape, is Transpose:
      guard let own = free[node.operands[0]] else { return false }
      free[value] = movedSharding(own, node)
      inherit(names: value, node)
      return true
    case is Unary, is Binary, is Compare, is Select, is Convert, is Random:
      let elements = elementOperands(node)
      guard !elements.isEmpty, elements.allSatisfy({ free[$0] != nil }) else { return false }
      free[value] =
        elements.compactMap { free[$0] }.first { !$0.isWhole }
        ?? Sharding(whole: node.types[0].shape)
      inherit(names: value, node)
      return true
    default: return false
    }
  }

  /// The operands that an element-wise operation reads at the result's index.
  private func elementOperands(_ node: Node) -> [Value] {
    node.operation is Random ? [node.operands[1]] : node.operands
  }

  /// What is owed is paid before it is repeated.
  private mutating func broadcastSharding(
    _ broadcast: Broadcast, _ operand: Value
  ) throws -> Sharding {
    try settle(operand, for: "broadcast")
    let (source, sizes) = (sharding(of: operand), source.type(of: operand).shape)
    var result = Sharding(whole: broadcast.shape)
    for (position, dimension) in broadcast.dimensions.enumerated()
    where sizes[position] == broadcast.shape[dimension] {
      result.dimensions[dimension] = source.dimensions[position]
    }
    return result
  }

  /// A sharding after its dimensions have been reshaped or transposed; whole if a split lies across them.
  private func movedSharding(_ sharding: Sharding, _ node: Node) -> Sharding {
    let whole = Sharding(whole: node.types[0].shape)
    guard !sharding.isWhole else { return whole }
    let factors = node.operation.factors(
      operands: [source.type(of: node.operands[0])], results: node.types)
    return projected(sharding, from: factors.operands[0], to: factors.results[0], factors) ?? whole
  }

  /// Writes a free value in a sharding in which nothing is owed.
  mutating func written(free value: Value, as sharding: Sharding) throws -> Value {
    let node = source.nodes[value.node]
    let type = node.types[0].with(shape: sharding.localShape(mesh))
    switch node.operation {
    case let constant as Constant: return try self.constant(constant.splat ?? 0, type)
    case let iota as Iota: return try written(iota, type, sharding)
    case let broadcast as Broadcast: return try written(broadcast, node, type, sharding)
    case let transpose as Transpose:
      let dimensions = transpose.inverse.map { sharding.dimensions[$0] }
      return try append(transpose, [placed(node.operands[0], as: Sharding(dimensions))])
    case is Reshape: return try writtenReshape(node, type, sharding)
    case is Named: return try placed(node.operands[0], as: sharding)
    default:
      let operands = try node.operands.enumerated().map { position, operand in
        let isKey = node.operation is Random && position == 0
        return try isKey ? whole(operand) : placed(operand, as: sharding)
      }
      return try append(node.operation.resized(to: [type]), operands)
    }
  }

  private mutating func written(
    _ broadcast: Broadcast, _ node: Node, _ type: Type, _ sharding: Sharding
  ) throws -> Value {
    let sizes = source.type(of: node.operands[0]).shape
    let dimensions = zip(broadcast.dimensions, sizes).map { dimension, size in
      size == broadcast.shape[dimension] ? sharding.dimensions[dimension] : [ShardedFactor(size)]
    }
    let operand = try placed(node.operands[0], as: Sharding(dimensions))
    // A dimension of which the rank has one element is repeated or not, which is the same.
    return try append(Broadcast(shape: type.shape, dimensions: broadcast.dimensions), [operand])
  }

  /// The operand in the sharding that the result's implies, or whole if it implies none.
  private mutating func writtenReshape(
    _ node: Node, _ type: Type, _ sharding: Sharding
  ) throws -> Value {
    let operand = source.type(of: node.operands[0])
    let factors = node.operation.factors(operands: [operand], results: node.types)
    if let projected = projected(
      sharding, from: factors.results[0], to: factors.operands[0], factors)
    {
      return try reshaped(placed(node.operands[0], as: projected), type.shape)
    }
    let whole = Sharding(whole: node.types[0].shape)
    let all = try reshaped(self.whole(node.operands[0]), node.types[0].shape)
    return try resharded(all, from: whole, to: sharding).value
  }

  /// A sharding seen through the factors that two shapes walk; nil if a split lies across them.
  private func projected(
    _ sharding: Sharding, from walks: [[Int]], to others: [[Int]], _ factors: Factors
  ) -> Sharding? {
    var pieces: [Int: [ShardedFactor]] = [:]
    for (dimension, walk) in zip(sharding.dimensions, walks) {
      guard let parts = dimension.cut(at: walk.map { factors.sizes[$0] }, mesh) else { return nil }
      for (factor, part) in zip(walk, parts) {
        if factors.whole.contains(factor), !part.allSatisfy(\.axes.isEmpty) { return nil }
        pieces[factor] = part
      }
    }
    return Sharding(
      others.map { walk in walk.flatMap { pieces[$0] ?? [ShardedFactor(factors.sizes[$0])] } })
  }

  /// The indices along a dimension as all ranks together count them.
  private mutating func written(
    _ iota: Iota, _ type: Type, _ sharding: Sharding
  ) throws -> Value {
    let factors = sharding.dimensions[iota.dimension]
    guard !factors.allSatisfy(\.axes.isEmpty) else {
      return try append(Iota(type: type, dimension: iota.dimension))
    }
    let local = Type(.int64, factors.map { $0.localSize(mesh) })
    var stride = factors.reduce(1) { $0 * $1.size }
    var total: Value?
    for (position, factor) in factors.enumerated() {
      stride /= max(1, factor.size)
      let count = try append(Iota(type: local, dimension: position))
      let start = try append(Convert(element: .int64), [offset(of: factor)])
      let starts = try append(Broadcast(shape: local.shape, dimensions: []), [start])
      let place = try append(Binary(function: .add), [count, starts])
      let term = try append(
        Binary(function: .multiply), [place, constant(Double(stride), local)])
      total = try total.map { try append(Binary(function: .add), [$0, term]) } ?? term
    }
    guard let total else { return try append(Iota(type: type, dimension: iota.dimension)) }
    let numbers = try reshaped(total, [local.elementCount])
    let converted =
      type.element == .int64 ? numbers : try append(Convert(element: type.element), [numbers])
    return try append(Broadcast(shape: type.shape, dimensions: [iota.dimension]), [converted])
  }
}
