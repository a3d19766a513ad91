import DeepEPElements
import DeepEPTensors

/// One value on its way from one sharding to another, factor by factor.
///
/// The value is kept in a shape with a dimension for each factor, so that every step works along one
/// of them.
struct Resharding: Hashable {
  /// The factors of all dimensions in a row, refined so that both shardings have the same.
  private(set) var factors: [ShardedFactor]
  /// The axes that each factor will be split on.
  let goals: [[MeshAxis]]
  /// What has to be paid: what is owed now, and will not be.
  private(set) var owed: [MeshAxis: Reduction]

  /// The common refinement of two shardings of one shape; nil where none exists, so that the value has
  /// to be gathered whole in between.
  init?(from source: Sharding, to goal: Sharding, on mesh: Mesh) {
    var (factors, goals) = ([ShardedFactor](), [[MeshAxis]]())
    for (own, other) in zip(source.dimensions, goal.dimensions) {
      guard let pairs = Resharding.refined(own, other, mesh) else { return nil }
      factors += pairs.map(\.0)
      goals += pairs.map(\.1.axes)
    }
    self.factors = factors
    self.goals = goals
    owed = source.partial.filter { goal.partial[$0.key] == nil }
  }

  /// Two lists of factors of one dimension cut into the same sizes; nil if that would cut what one
  /// rank has.
  ///
  /// Axes that split a factor evenly split the outer part of it.
  private static func refined(
    _ x: [ShardedFactor], _ y: [ShardedFactor], _ mesh: Mesh
  ) -> [(ShardedFactor, ShardedFactor)]? {
    var (left, right) = (x[...], y[...])
    var pairs: [(ShardedFactor, ShardedFactor)] = []
    while let a = left.popFirst(), let b = right.popFirst() {
      if a.size == b.size {
        pairs.append((a, b))
      } else if a.divides(into: b.size, mesh) {
        pairs.append((ShardedFactor(b.size, a.axes), b))
        left = [ShardedFactor(a.size / b.size)] + left
      } else if b.divides(into: a.size, mesh) {
        pairs.append((a, ShardedFactor(a.size, b.axes)))
        right = [ShardedFactor(b.size / a.size)] + right
      } else {
        return nil
      }
    }
    return left.isEmpty && right.isEmpty ? pairs : nil
  }

  /// The local sizes before, of, and after a factor.
  func box(_ index: Int, _ mesh: Mesh) -> (before: Int, size: Int, after: Int) {
    let sizes = factors.map { $0.localSize(mesh) }
    return (
      sizes[..<index].reduce(1, *), sizes[index], sizes[(index + 1)...].reduce(1, *)
    )
  }

  /// The state after a step.
  mutating func take(_ step: ReshardingStep) {
    switch step {
    case .reduceScatter(let axis, let index):
      owed[axis] = nil
      factors[index].axes.append(axis)
    case .allReduce(_, let axes): axes.forEach { owed[$0] = nil }
    case .allToAll(let from, let to): factors[to].axes.append(factors[from].axes.removeLast())
    case .gather(let index): factors[index].axes.removeLast()
    case .cut(let index): factors[index].axes.append(goals[index][factors[index].axes.count])
    }
  }
}

extension ShardedFactor {
  /// Whether an outer factor of a size can be cut off so that the axes split that one alone.
  fileprivate func divides(into outer: Int, _ mesh: Mesh) -> Bool {
    outer > 0 && size > outer && size % outer == 0 && outer % mesh.extent(axes) == 0
  }
}

extension Partitioner {
  /// Writes what turns a value from one sharding into another.
  ///
  /// - Returns: The value, and whether ranks got more of it than they had.
  mutating func resharded(
    _ value: Value, from source: Sharding, to goal: Sharding
  ) throws -> (value: Value, isGathered: Bool) {
    guard var state = Resharding(from: source, to: goal, on: mesh) else {
      let meeting = Sharding(whole: source.dimensions.map(\.size))
      let (whole, _) = try resharded(value, from: source, to: meeting)
      return (try resharded(whole, from: meeting, to: goal).value, true)
    }
    let steps = route(state, target.type(of: value).element).steps
    var result = value
    for step in steps {
      result = try taken(step, result, state)
      state.take(step)
    }
    result = try reshaped(result, goal.localShape(mesh))
    let owed = goal.partial.keys.filter { source.partial[$0] == nil }.sorted()
    let isGathered = steps.contains(where: \.isGathering)
    return (owed.isEmpty ? result : try keptOnFirst(result, owed), isGathered)
  }

  /// Writes one step of a value in a state.
  private mutating func taken(
    _ step: ReshardingStep, _ value: Value, _ state: Resharding
  ) throws -> Value {
    switch step {
    case .reduceScatter(let axis, let index): try scattered(value, index, axis, state)
    case .allReduce(let reduction, let axes):
      try append(AllReduce(reduction, axes: axes), [value])
    case .allToAll(let from, let to): try exchanged(value, from, to, state)
    case .gather(let index): try gathered(value, index, state)
    case .cut(let index): try cut(value, index, state)
    }
  }

  mutating func reshaped(_ value: Value, _ shape: [Int]) throws -> Value {
    target.type(of: value).shape == shape ? value : try append(Reshape(shape: shape), [value])
  }

  // MARK: What is owed

  /// Pays a sum: each rank gets its part of a factor.
  private mutating func scattered(
    _ value: Value, _ index: Int, _ axis: MeshAxis, _ state: Resharding
  ) throws -> Value {
    let box = state.box(index, mesh)
    let count = mesh.extent(axis)
    let padded = try padded(try reshaped(value, [box.before, box.size, box.after]), count)
    return try append(ReduceScatter(.sum, axes: [axis], dimension: 1, count: count), [padded])
  }

  /// A value `[before, size, after]` with zeros at the end of dimension 1 so that it divides.
  private mutating func padded(_ value: Value, _ count: Int) throws -> Value {
    var shape = target.type(of: value).shape
    let whole = (shape[1] + count - 1) / count * count
    guard whole != shape[1] else { return value }
    shape[1] = whole
    return try append(Pad(starts: [0, 0, 0], shape: shape), [value])
  }

  /// The value on the first rank along some axes, zero on the others: a sum that is owed.
  private mutating func keptOnFirst(_ value: Value, _ axes: [MeshAxis]) throws -> Value {
    let type = target.type(of: value)
    if (target.nodes[value.node].operation as? Constant)?.splat == 0 { return value }
    let isFirst = try isFirst(along: axes)
    let condition = try append(Broadcast(shape: type.shape, dimensions: []), [isFirst])
    return try append(Select(), [condition, value, constant(0, type)])
  }

  // MARK: What is split

  /// Moves the innermost axis of one factor to another one.
  private mutating func exchanged(
    _ value: Value, _ from: Int, _ to: Int, _ state: Resharding
  ) throws -> Value {
    let axis = state.factors[from].axes.suffix(1)
    let (mesh, count) = (mesh, mesh.extent(axis))
    // [outer, from, middle, to, inner] in the order in which the two factors come.
    let sizes = state.factors.map { $0.localSize(mesh) }
    let (first, second) = (min(from, to), max(from, to))
    let (outer, inner) = (sizes[..<first].reduce(1, *), sizes[(second + 1)...].reduce(1, *))
    let middle = sizes[(first + 1)..<second].reduce(1, *)
    let block = sizes[to] / count
    let cut =
      to == second
      ? [outer, sizes[from], middle, count, block, inner]
      : [outer, count, block, middle, sizes[from], inner]
    let place = to == second ? 3 : 1
    let outward = [place] + (0..<6).filter { $0 != place }
    let sent = try append(
      Transpose(permutation: outward), [reshaped(value, cut)])
    let received = try append(AllToAll(axes: Array(axis), count: count), [sent])
    // The block's number now counts parts of the factor that was split before.
    let back = to == second ? [1, 0, 2, 3, 4, 5] : [1, 2, 3, 0, 4, 5]
    return try append(Transpose(permutation: back), [received])
  }

  /// All of a factor that the innermost of its axes splits.
  private mutating func gathered(
    _ value: Value, _ index: Int, _ state: Resharding
  ) throws -> Value {
    var state = state
    let axis = state.factors[index].axes.suffix(1)
    let box = state.box(index, mesh)
    let part = try reshaped(value, [box.before, box.size, box.after])
    let controls = [anchors[Stage(origin.phase)]].compactMap { $0 }
    let all = try append(
      AllGather(axes: Array(axis), dimension: 1, count: mesh.extent(axis)), [part],
      controls: Stage(origin.phase) == .backward ? controls : [])
    state.take(.gather(factor: index))
    let size = state.factors[index].localSize(mesh)
    let shape = [box.before, size, box.after]
    guard target.type(of: all).shape != shape else { return all }
    return try append(Slice(starts: [0, 0, 0], sizes: shape), [all])
  }

  /// The rank's part of a factor along one more axis.
  private mutating func cut(
    _ value: Value, _ index: Int, _ state: Resharding
  ) throws -> Value {
    var state = state
    let box = state.box(index, mesh)
    let axis = state.goals[index][state.factors[index].axes.count]
    let whole = try padded(
      try reshaped(value, [box.before, box.size, box.after]), mesh.extent(axis))
    state.take(.cut(factor: index))
    let size = state.factors[index].localSize(mesh)
    return try block(of: whole, size: size, number: self.index(along: axis))
  }

  /// Block `number` of `size` elements along dimension 1.
  private mutating func block(of value: Value, size: Int, number: Value) throws -> Value {
    let start = try append(
      Binary(function: .multiply), [number, constant(Double(size), Type(.int32, []))])
    return try append(DynamicSlice(dimensions: [1], sizes: [size]), [value, start])
  }
}
