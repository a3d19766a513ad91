import DeepEPTargets
import DeepEPTensors

/// Writes the graph of one entry as a rank runs it.
struct Partitioner {
  /// The entry as one device would run it.
  let entry: Entry
  let slots: [Slot]
  let rules: ShardingRules
  /// Which says what moving values takes.
  let links: Links
  /// What has been written.
  var target = Graph()
  /// The origin of nodes that are written now.
  var origin = Origin()
  /// The values that exist, each in the shardings in which it has been written, the usual one first.
  var copies: [Value: [ShardedCopy]] = [:]
  /// The values that are written where they are used, with the sharding that they have by themselves.
  var free: [Value: Sharding] = [:]
  /// The meaning of dimensions.
  var names: [Value: [LogicalAxis?]] = [:]
  /// For scatters into a gradient the sharding that the gradient will need.
  let wishes: [Int: Sharding]
  /// Scalars that tell where the rank is, and what is made of them.
  var places: [PlaceKey: Value] = [:]
  /// The ways from one sharding to another that have been found.
  var routes: [RouteKey: Route] = [:]
  /// The last node written in each stage that `fuse` leaves alone.
  var anchors: [Stage: Int] = [:]

  var source: Graph { entry.graph }
  var mesh: Mesh { rules.mesh }

  init(_ entry: Entry, _ slots: [Slot], _ rules: ShardingRules, _ links: Links) {
    self.entry = entry
    self.slots = slots
    self.rules = rules
    self.links = links
    wishes = entry.scatterWishes(slots, rules)
  }

  mutating func partitioned() throws -> Entry {
    for index in source.nodes.indices {
      origin = source.nodes[index].origin
      try write(index)
    }
    var result = entry
    result.inputs = entry.inputs.map { input in
      let shape = rules.input(input).localShape(mesh)
      return EntryInput(name: input.name, type: input.type.with(shape: shape), axes: input.axes)
    }
    for index in result.updates.indices {
      let slot = slots[result.updates[index].slot]
      origin = Origin(path: slot.name, phase: .update)
      let value = result.updates[index].value
      result.updates[index].value = try placed(
        value, as: rules.storage(slot), for: "slot \(slot.name)")
    }
    for index in result.results.indices {
      let value = result.results[index].value
      origin = source.nodes[value.node].origin
      result.results[index].value = try whole(value, for: "result \(result.results[index].name)")
    }
    for index in result.checks.indices {
      let value = result.checks[index].value
      origin = source.nodes[value.node].origin
      result.checks[index].value = try whole(value, for: "check \(result.checks[index].name)")
    }
    result.graph = target
    return result.pruned()
  }

  private mutating func write(_ index: Int) throws {
    let node = source.nodes[index]
    let value = Value(node: index)
    switch node.operation {
    case let input as Input: writeInput(input, value)
    case let read as Read: writeRead(read, value)
    case let named as Named: try writeNamed(named, node, value)
    case let compressed as CompressedGradient: try writeCompressed(compressed, index)
    case let constant as Constant where constant.splat != nil:
      free[value] = Sharding(whole: constant.type.shape)
    case let iota as Iota: free[value] = Sharding(whole: iota.type.shape)
    default:
      if try isFree(node, value) { return }
      try writeByFactors(index)
    }
  }

  // MARK: Where values start

  private mutating func writeInput(_ input: Input, _ value: Value) {
    let declared = entry.inputs[input.index]
    let sharding = rules.input(declared)
    let type = input.type.with(shape: sharding.localShape(mesh))
    let node = Node(Input(index: input.index, type: type), [], types: [type], origin: origin)
    names[value] = input.type.shape.indices.map { dimension in
      guard dimension < declared.axes.count, case .axis(let axis) = declared.axes[dimension] else {
        return nil
      }
      return axis
    }
    copies[value] = [ShardedCopy(sharding, Value(node: target.append(node)))]
  }

  private mutating func writeRead(_ read: Read, _ value: Value) {
    let sharding = rules.storage(slots[read.slot])
    let type = read.type.with(shape: sharding.localShape(mesh))
    let node = Node(Read(slot: read.slot, type: type), [], types: [type], origin: origin)
    copies[value] = [ShardedCopy(sharding, Value(node: target.append(node)))]
  }

  private mutating func writeNamed(_ named: Named, _ node: Node, _ value: Value) throws {
    let operand = node.operands[0]
    let shape = node.types[0].shape
    if named.role == .gradient {
      let sharding = rules.gradient(named.axes, shape)
      let gradient = try placed(operand, as: sharding, for: "the gradient")
      copies[value] = [ShardedCopy(sharding, gradient)]
      return
    }
    let axes: [LogicalAxis?] = shape.indices.map { dimension in
      guard dimension < named.axes.count, case .axis(let axis) = named.axes[dimension] else {
        return nil
      }
      return axis
    }
    names[value] = axes
    guard free[operand] == nil else {
      free[value] = free[operand]
      return
    }
    // Identifiers are small, and layers want them whole.
    guard node.types[0].element.isFloatingPoint else {
      copies[value] = copies[operand]
      return
    }
    let sharding = splitByName(sharding(of: operand), axes, shape)
    let split = try placed(operand, as: sharding, for: "named")
    copies[value] = [ShardedCopy(sharding, split)]
  }

  /// A sharding with the dimensions split that have a name for which the strategy has an axis that
  /// the value does not use yet.
  private func splitByName(
    _ sharding: Sharding, _ axes: [LogicalAxis?], _ shape: [Int]
  ) -> Sharding {
    var result = sharding.settled
    for (dimension, name) in axes.enumerated() {
      let strong = rules.axes(for: name)
      let axes = strong.isEmpty ? [rules.weakAxis(for: name)].compactMap { $0 } : strong
      guard !axes.isEmpty, result.axes.isDisjoint(with: axes),
        result.dimensions[dimension].allSatisfy(\.axes.isEmpty),
        shape[dimension] >= mesh.extent(axes)
      else { continue }
      result.dimensions[dimension] = [ShardedFactor(shape[dimension], axes)]
    }
    return result
  }
}

/// A value in one sharding, as a value of the graph that is written.
struct ShardedCopy {
  var sharding: Sharding
  var value: Value
  /// The only stage in which the copy is used: what forward gathered is gathered again for backward,
  /// rather than kept.
  var stage: Stage?

  init(_ sharding: Sharding, _ value: Value, stage: Stage? = nil) {
    self.sharding = sharding
    self.value = value
    self.stage = stage
  }
}

/// The parts of a step that do not share what was gathered.
enum Stage: Hashable {
  case forward, backward, update

  init(_ phase: Phase) {
    switch phase {
    case .forward: self = .forward
    case .inputGradient, .weightGradient: self = .backward
    case .update: self = .update
    }
  }
}
