import DeepEPTensors

/// Sums that an operation need not pay: it hands them on to its result.
struct Owed {
  /// What is owed of the result, and of each operand below.
  var partial: [MeshAxis: Reduction] = [:]
  /// The operands of which it is owed.
  var operands: Set<Int> = []
}

extension Partitioner {
  /// What an operation hands on: where it is linear, and the result is no larger than the operand.
  ///
  /// So a sum of several gradients by one value is added over the ranks once, and a gradient by a
  /// parameter not before somebody needs it.
  func passed(_ work: OperationWork) throws -> Owed {
    let owed = work.node.operands.map { sharding(of: $0).partial }
    guard owed.contains(where: { !$0.isEmpty }),
      owed.joined().allSatisfy({ $0.value == .sum })
    else { return Owed() }
    switch work.node.operation {
    case let unary as Unary where unary.function == .negate:
      return Owed(partial: owed[0], operands: [0])
    case let reduce as Reduce where reduce.reduction == .sum:
      return Owed(partial: owed[0], operands: [0])
    case is Reshape, is Transpose, is Slice, is Pad: return Owed(partial: owed[0], operands: [0])
    case let convert as Convert where convert.element.isFloatingPoint:
      return Owed(partial: owed[0], operands: [0])
    case is Concatenate where Set(owed).count == 1:
      return Owed(partial: owed[0], operands: Set(owed.indices))
    case let binary as Binary: return passed(binary.function, work.node, owed)
    default: return Owed()
    }
  }

  private func passed(
    _ function: BinaryFunction, _ node: Node, _ owed: [[MeshAxis: Reduction]]
  ) -> Owed {
    switch function {
    case .add, .subtract:
      // A single number, or what a rank gathers up over micro-batches, is not worth a collective.
      let isJoined =
        owed[0] == owed[1] || node.types[0].rank == 0
        || node.operands.contains(where: isAccumulator)
      guard isJoined else { return Owed() }
      return Owed(partial: owed[0].merging(owed[1]) { first, _ in first }, operands: [0, 1])
    case .multiply where isAlike(node.operands[1]) && owed[1].isEmpty,
      .divide where isAlike(node.operands[1]) && owed[1].isEmpty:
      return Owed(partial: owed[0], operands: [0])
    case .multiply where isAlike(node.operands[0]) && owed[0].isEmpty:
      return Owed(partial: owed[1], operands: [1])
    default: return Owed()
    }
  }

  private func isAccumulator(_ value: Value) -> Bool {
    guard let read = source.nodes[value.node].operation as? Read else { return false }
    return !rules.storage(slots[read.slot]).partial.isEmpty
  }

  /// Whether all elements of a value are the same number.
  private func isAlike(_ value: Value) -> Bool {
    let node = source.nodes[value.node]
    switch node.operation {
    case let constant as Constant: return constant.splat != nil
    case is Broadcast: return source.type(of: node.operands[0]).elementCount == 1
    default: return node.types[0].elementCount == 1
    }
  }
}

extension Operation {
  /// The meaning of the dimensions of the gradient whose whole it is; nil if it is none.
  fileprivate var gradientAxes: [DimensionAxes]? {
    switch self {
    case let named as Named where named.role == .gradient: named.axes
    case let compressed as CompressedGradient: compressed.axes
    default: nil
    }
  }
}

extension Entry {
  /// For each scatter that ends in a gradient, or in what gathers gradients up, how the layers split
  /// that parameter.
  func scatterWishes(_ slots: [Slot], _ rules: ShardingRules) -> [Int: Sharding] {
    var wishes: [Int: Sharding] = [:]
    func note(_ value: Value, _ sharding: Sharding) {
      let node = graph.nodes[value.node]
      switch node.operation {
      case is ScatterAdd: wishes[value.node] = sharding
      case is Binary, is Unary, is Convert:
        for operand in node.operands where graph.type(of: operand).shape == node.types[0].shape {
          note(operand, sharding)
        }
      default: break
      }
    }
    for node in graph.nodes {
      guard let axes = node.operation.gradientAxes else { continue }
      note(node.operands[0], rules.computing(axes, node.types[0].shape))
    }
    for update in updates where slots[update.slot].kind == .accumulator {
      let slot = slots[update.slot]
      note(update.value, rules.computing(slot.axes, slot.type.shape))
    }
    return wishes.filter { !$0.value.axes.isEmpty }
  }
}
