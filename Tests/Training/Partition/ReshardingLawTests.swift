import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of resharding: what moves from any sharding to any other arrives as it was.
@Suite struct ReshardingLawTests {
  /// State of one shape in all ways that rules put it on a mesh, moved from slot to slot.
  private func moves(_ random: inout RandomSource) throws -> SplitProgram {
    let shape = (0..<1 + random.below(3)).map { _ in random.pick([1, 2, 3, 4, 5, 6, 8, 12]) }
    let (data, tensor) = random.pick([
      (1, 2), (1, 3), (1, 4), (2, 1), (4, 1), (2, 2), (2, 3), (3, 2), (4, 2), (2, 4), (1, 8),
    ])
    let strategy = Strategy(
      data: data, tensor: tensor, sequenceParallel: random.once(in: 2),
      zero: data > 1 ? random.below(4) : 0)
    let kinds: [SlotKind] = [.statistic, .statistic, .accumulator, .optimizer, .counter]
    let order = random.shuffled(Array(shape.indices))
    let count = 3
    // Every other slot has the dimensions in another order, and moves turn them.
    let slots = (0..<count).map { index in
      let own = index % 2 == 0 ? shape : order.map { shape[$0] }
      return Slot(
        name: "s\(index)", type: Type(.float64, own), initializer: .zeros,
        axes: own.map { axes(of: $0, &random) }, kind: random.pick(kinds))
    }
    var entry = Entry(name: .step)
    for target in 0..<count {
      let source = (target + 1) % count
      let read = try entry.graph.append(Read(slot: source, type: slots[source].type))
      let value = try moved(read, source, target, order, &entry.graph, &random)
      entry.updates.append(SlotUpdate(slot: target, value: value))
      if random.once(in: 3) {
        entry.results.append(EntryResult(name: "y\(target)", value: value))
      }
    }
    return SplitProgram(Program(slots: slots, entries: [entry]), strategy)
  }

  /// The value of a slot in the order of another slot's dimensions, sometimes made by an operation.
  private func moved(
    _ read: Int, _ source: Int, _ target: Int, _ order: [Int], _ graph: inout Graph,
    _ random: inout RandomSource
  ) throws -> Value {
    var value = Value(node: read)
    if random.once(in: 3) {
      value = Value(node: try graph.append(Unary(function: .negate), [value]))
    }
    guard source % 2 != target % 2 else { return value }
    let inverse = order.indices.map { place in order.firstIndex(of: place) ?? 0 }
    let permutation = source % 2 == 0 ? order : inverse
    return Value(node: try graph.append(Transpose(permutation: permutation), [value]))
  }

  private func axes(of size: Int, _ random: inout RandomSource) -> DimensionAxes {
    let meanings: [LogicalAxis?] = [nil, nil, .hidden, .heads, .batch]
    guard random.once(in: 2), size > 1 else { return .axis(random.pick(meanings)) }
    var (rest, factors) = (size, [AxisFactor]())
    while rest > 1 {
      let factor = random.pick((2...rest).filter { rest % $0 == 0 })
      factors.append(AxisFactor(random.pick(meanings), factor))
      rest /= factor
    }
    return .factored(factors)
  }

  @Test(arguments: 0..<8) func anyShardingIsReachedFromAnyOther(_ block: Int) throws {
    for seed in UInt64(block * 50)..<UInt64(block * 50 + 50) {
      var random = RandomSource(seed: seed)
      let split = try moves(&random)
      try split.program.verify()
      let problems = try split.problems(isCompiled: seed % 10 == 0)
      #expect(problems.isEmpty, "seed \(seed): \(problems)\n\(split)")
    }
  }
}
