import DeepEPElements
import DeepEPTargets
import DeepEPTensors

/// The general rule: an operation whose loops are split runs on the shards of its operands.
extension Partitioner {
  mutating func writeByFactors(_ index: Int) throws {
    let node = source.nodes[index]
    var work = OperationWork(index, node, source)
    work.allowLookup()
    for result in node.types.indices { inherit(names: Value(node: index, result: result), node) }
    let owed = try passed(work)
    try settleOperands(work, owed)
    var splits = offers(work)
    splits.choose()
    if splits.axes.isDisjoint(with: owed.partial.keys) { return try write(work, splits, owed) }
    // What is split on an axis cannot be owed on it.
    try settleOperands(work, Owed())
    splits = offers(work)
    splits.choose()
    try write(work, splits, Owed())
  }

  private mutating func settleOperands(
    _ work: OperationWork, _ owed: Owed
  ) throws {
    for (position, operand) in work.node.operands.enumerated()
    where !owed.operands.contains(position) {
      try settle(operand, for: work.node.operation.name)
    }
  }

  /// The splits that operands offer.
  private func offers(_ work: OperationWork) -> FactorSplits {
    var splits = FactorSplits(work.factors, mesh)
    for (operand, walks) in zip(work.node.operands, work.factors.operands) {
      let own = sharding(of: operand)
      for (dimension, walk) in walks.enumerated() {
        guard !own.dimensions[dimension].allSatisfy(\.axes.isEmpty),
          let parts = own.dimensions[dimension].cut(at: walk.map { work.factors.sizes[$0] }, mesh)
        else { continue }
        let weak = rules.weakAxis(for: names[operand]?[dimension])
        for (factor, part) in zip(walk, parts) where work.canCut(factor) {
          let axes = part.flatMap(\.axes)
          guard !axes.isEmpty, part.count == 1 || factor != work.lookupFactor else { continue }
          let isStrong = !axes.allSatisfy { $0 == weak }
          splits.offer(
            .init(
              factors: part, isStrong: isStrong, seconds: gatherSeconds(operand, own, over: axes)),
            for: factor)
        }
      }
    }
    offerWish(work, &splits)
    return splits
  }

  /// How long it takes to gather what some axes split of an operand; free values are not gathered.
  private func gatherSeconds(
    _ operand: Value, _ own: Sharding, over axes: [MeshAxis]
  ) -> Double {
    guard free[operand] == nil else { return 0 }
    let part = source.type(of: operand).with(shape: own.localShape(mesh)).byteCount
    return links.seconds(
      .allGather, byteCount: part * mesh.extent(axes), over: axes, of: mesh)
  }

  /// A scatter into a gradient may write only the rows that the rank will keep.
  private func offerWish(_ work: OperationWork, _ splits: inout FactorSplits) {
    guard let wish = wishes[work.index], let rows = work.lookupFactor,
      wish.dimensions[0].count == 1, wish.dimensions[0].contains(where: { !$0.axes.isEmpty })
    else { return }
    splits.offer(.init(factors: wish.dimensions[0], isStrong: true, seconds: 0), for: rows)
  }

  private mutating func write(
    _ work: OperationWork, _ splits: FactorSplits, _ owed: Owed
  ) throws {
    let (node, factors) = (work.node, work.factors)
    var partial = owed.partial
    for (factor, split) in splits.chosen where factors.reduced.contains(factor) {
      for axis in split.flatMap(\.axes) { partial[axis] = work.combination }
    }
    var operands: [Value] = []
    for (position, operand) in node.operands.enumerated() {
      let shape = source.type(of: operand).shape
      var needed = splits.sharding(factors.operands[position], shape)
      if owed.operands.contains(position) { needed.partial = owed.partial }
      if work.accumulates(position) { needed.partial = partial }
      let value = try placed(operand, as: needed, for: node.operation.name)
      operands.append(try masked(value, work, splits, position))
    }
    let shardings = zip(factors.results, node.types).map { walks, type in
      Sharding(splits.sharding(walks, type.shape).dimensions, partial: partial)
    }
    let types = zip(node.types, shardings).map { $0.with(shape: $1.localShape(mesh)) }
    if let rows = work.lookupFactor, let split = splits.chosen[rows]?.first {
      return try writeLookup(work, operands, split, shardings[0])
    }
    let operation = node.operation.resized(to: types)
    let found = try? operation.resultTypes(of: target.types(of: operands))
    guard found == types else { return try writeWhole(work) }
    let new = try append(operation, operands)
    for (result, sharding) in shardings.enumerated() {
      copies[Value(node: work.index, result: result)] = [
        ShardedCopy(sharding, Value(node: new.node, result: result))
      ]
    }
  }

  /// Every rank does all of it: right for every operation.
  private mutating func writeWhole(_ work: OperationWork) throws {
    let operands = try work.node.operands.map { try whole($0, for: work.node.operation.name) }
    let new = try append(work.node.operation, operands)
    for (result, type) in work.node.types.enumerated() {
      copies[Value(node: work.index, result: result)] = [
        ShardedCopy(Sharding(whole: type.shape), Value(node: new.node, result: result))
      ]
    }
  }

  /// An operand without the padding of factors that the operation reduces over.
  private mutating func masked(
    _ value: Value, _ work: OperationWork, _ splits: FactorSplits, _ position: Int
  ) throws -> Value {
    guard let combination = work.combination else { return value }
    var result = value
    let shape = target.type(of: value).shape
    for (dimension, walk) in work.factors.operands[position].enumerated() {
      let uneven = walk.contains { work.factors.reduced.contains($0) && splits.isUneven($0) }
      guard uneven else { continue }
      let parts = walk.flatMap { splits.chosen[$0] ?? [ShardedFactor(work.factors.sizes[$0])] }
      result = try maskedPadding(result, dimension, parts, combination)
    }
    return try reshaped(result, shape)
  }

  /// A value with the identity of a reduction in place of padding along one dimension.
  private mutating func maskedPadding(
    _ value: Value, _ dimension: Int, _ parts: [ShardedFactor], _ reduction: Reduction
  ) throws -> Value {
    let type = target.type(of: value)
    let sizes = parts.map { $0.localSize(mesh) }
    let split = type.shape[..<dimension] + sizes + type.shape[(dimension + 1)...]
    var result = try reshaped(value, Array(split))
    for (index, part) in parts.enumerated() where part.isUneven(mesh) {
      result = try target.masked(
        result, along: dimension + index, extent: extent(of: part),
        identity: reduction.maskIdentity(type.element), origin: origin)
    }
    return try reshaped(result, type.shape)
  }
}

/// An operation with its loops, and what is special about it.
struct OperationWork {
  let index: Int
  let node: Node
  private(set) var factors: Factors
  /// How parts over a reduced factor are combined.
  private(set) var combination: Reduction?
  /// The factor that counts the rows of a table which the operation looks up.
  private(set) var lookupFactor: Int?
  private let types: [Type]

  init(_ index: Int, _ node: Node, _ graph: Graph) {
    self.index = index
    self.node = node
    types = graph.types(of: node.operands)
    factors = node.operation.factors(operands: types, results: node.types)
    combination = node.operation.combination
  }

  /// The rows of a table can be cut: a rank looks up its own, and the others' are zero.
  mutating func allowLookup() {
    guard node.operation is Gather || node.operation is ScatterAdd,
      node.types[0].element.isFloatingPoint
    else { return }
    let rows = factors.operands[0][0]
    guard rows.count == 1 else { return }
    lookupFactor = rows[0]
    factors.whole.remove(rows[0])
    combination = .sum
  }

  /// Whether a factor may be split.
  func canCut(_ factor: Int) -> Bool {
    guard !factors.whole.contains(factor), factors.sizes[factor] > 1 else { return false }
    return combination != nil || !factors.reduced.contains(factor)
  }

  /// Whether an operand is what the operation adds to: then a sum may be owed of it.
  func accumulates(_ position: Int) -> Bool { node.operation is ScatterAdd && position == 0 }
}
