import DeepEPElements
import DeepEPTensors

/// Values in the shardings in which they are needed.
extension Partitioner {
  /// The sharding that a value has by itself in the stage of the node that is written now.
  func sharding(of value: Value) -> Sharding {
    if let sharding = free[value] { return sharding }
    if let read = source.nodes[value.node].operation as? Read, slots[read.slot].kind == .parameter {
      let (slot, shape) = (slots[read.slot], source.nodes[value.node].types[0].shape)
      // The layers use a parameter as the layers are split, the optimiser as its state is.
      return Stage(origin.phase) == .update
        ? rules.gradient(slot.axes, shape) : rules.computing(slot.axes, shape)
    }
    return copies[value]?.first?.sharding ?? Sharding(whole: source.type(of: value).shape)
  }

  /// The value on every rank.
  mutating func whole(_ value: Value, for reason: String? = nil) throws -> Value {
    try placed(value, as: Sharding(whole: source.type(of: value).shape), for: reason)
  }

  /// Pays what is owed of a value, once for all that use it later.
  mutating func settle(_ value: Value, for reason: String) throws {
    let own = sharding(of: value)
    guard !own.partial.isEmpty else { return }
    _ = try placed(value, as: settledSharding(value, own), for: reason)
  }

  /// What becomes of a value of which something is owed: split where the strategy wants that
  /// dimension split anyway, whole otherwise.
  func settledSharding(_ value: Value, _ own: Sharding) -> Sharding {
    var result = own.settled
    for (axis, reduction) in own.partial where reduction == .sum && !result.axes.contains(axis) {
      for (dimension, name) in (names[value] ?? []).enumerated() {
        let factors = result.dimensions[dimension]
        guard rules.weakAxis(for: name) == axis, factors.count == 1, factors[0].axes.isEmpty,
          factors[0].size >= mesh.extent(axis)
        else { continue }
        result.dimensions[dimension][0].axes = [axis]
        break
      }
    }
    return result
  }

  /// A value in a sharding; written if it does not exist yet.
  mutating func placed(
    _ value: Value, as sharding: Sharding, for reason: String? = nil
  ) throws -> Value {
    let stage = Stage(origin.phase)
    var known = (copies[value] ?? []).filter { $0.stage == nil || $0.stage == stage }
    if let copy = known.first(where: { $0.sharding == sharding }) { return copy.value }
    if free[value] != nil { return try placed(free: value, as: sharding) }
    if let copy = try secondary(value) { known.append(copy) }
    let element = source.type(of: value).element
    guard let nearest = self.nearest(known, to: sharding, element) else {
      throw ShapeError("partition", "value \(value) is used before it is made")
    }
    let kept = origin
    origin.reason = explanation(from: nearest.sharding, to: sharding, value, reason)
    defer { origin = kept }
    let (result, isGathered) = try resharded(
      nearest.value, from: nearest.sharding, to: sharding)
    let copy = ShardedCopy(sharding, result, stage: isGathered ? stage : nil)
    // What has been paid is not owed to the next user.
    let isUsual = !nearest.sharding.partial.isEmpty && sharding.partial.isEmpty
    copies[value, default: []].insert(copy, at: isUsual ? 0 : copies[value]?.count ?? 0)
    return result
  }

  /// The copy of a parameter that neighbours keep for backward, made by the first that uses the parameter;
  /// nil if it is there already, or is not kept.
  private mutating func secondary(_ value: Value) throws -> ShardedCopy? {
    guard Stage(origin.phase) != .update,
      let read = source.nodes[value.node].operation as? Read,
      let sharding = rules.secondary(slots[read.slot]), let stored = copies[value]?.first,
      !(copies[value] ?? []).contains(where: { $0.sharding == sharding && $0.stage == nil })
    else { return nil }
    let kept = origin
    origin.reason = "\(slots[read.slot].name) is split over host; kept for backward"
    defer { origin = kept }
    let result = try resharded(stored.value, from: stored.sharding, to: sharding).value
    let copy = ShardedCopy(sharding, result)
    copies[value, default: []].append(copy)
    return copy
  }

  private mutating func placed(free value: Value, as sharding: Sharding) throws -> Value {
    let settled = try written(free: value, as: sharding.settled)
    let result =
      sharding.partial.isEmpty
      ? settled : try resharded(settled, from: sharding.settled, to: sharding).value
    copies[value, default: []].append(ShardedCopy(sharding, result))
    return result
  }

  /// The copy from which a sharding is reached fastest; of several the first.
  private mutating func nearest(
    _ copies: [ShardedCopy], to goal: Sharding, _ element: ElementType
  ) -> ShardedCopy? {
    guard copies.count > 1 else { return copies.first }
    let costs = copies.map { seconds(from: $0.sharding, to: goal, element) }
    return costs.indices.min { costs[$0] < costs[$1] }.map { copies[$0] }
  }

  /// Why a collective is there, for people.
  private func explanation(
    from source: Sharding, to goal: Sharding, _ value: Value, _ reason: String?
  ) -> String {
    let owed = source.partial.keys.filter { goal.partial[$0] == nil }.sorted().map(\.rawValue)
    let merged = source.axes.subtracting(goal.axes).sorted().map(\.rawValue)
    var parts: [String] = []
    if !owed.isEmpty { parts.append("a part on each \(owed.joined(separator: " and ")) rank") }
    if !merged.isEmpty { parts.append("split over \(merged.joined(separator: " and "))") }
    let what = self.source.nodes[value.node].operation
    let name = (what as? Read).map { slots[$0.slot].name } ?? what.name
    let state = parts.isEmpty ? "" : " is " + parts.joined(separator: ", ")
    return "\(name)\(state)\(reason.map { "; for \($0)" } ?? "")"
  }

  /// The meaning of a result's dimensions, from operands whose dimensions walk the same factors.
  mutating func inherit(names value: Value, _ node: Node) {
    let operands = source.types(of: node.operands)
    let factors = node.operation.factors(operands: operands, results: node.types)
    var known: [Int: LogicalAxis] = [:]
    for (operand, walks) in zip(node.operands, factors.operands) {
      guard let axes = names[operand] else { continue }
      for (walk, axis) in zip(walks, axes) where walk.count == 1 && axis != nil {
        if known[walk[0]] == nil { known[walk[0]] = axis }
      }
    }
    guard !known.isEmpty else { return }
    names[value] = factors.results[value.result].map { $0.count == 1 ? known[$0[0]] : nil }
  }
}
