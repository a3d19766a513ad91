import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms

/// The bytes that one rank of a strategy keeps and exchanges.
package struct RankBytes: Hashable, Sendable {
  /// Parameters and statistics of the model.
  package var parameters = 0
  /// One gradient for every trainable parameter, and what compression keeps of it.
  package var gradients = 0
  /// The optimiser's state and moving averages.
  package var optimizer = 0
  /// What forward leaves in memory for backward, at most at one time.
  package var activations = 0
  /// What a rank sends in a step, by rings.
  package var communication = 0
  /// What it sends, for each kind of collective and the axes along which.
  package var collectives: [String: Int] = [:]
  /// What it sends, for each kind of collective.
  package var exchanges: [Exchange: Int] = [:]

  /// Counts the bytes of a plan.
  ///
  /// - Parameters:
  ///   - program: The program for one device, with its updates.
  ///   - plan: That of a rank.
  ///   - schedule: The calls of a step.
  package init(_ program: Program, _ plan: Plan, _ strategy: Strategy, _ schedule: Schedule) {
    let rules = ShardingRules(strategy)
    for (slot, own) in zip(program.slots, plan.slots) {
      switch slot.kind {
      case .parameter, .statistic, .counter, .cache: parameters += own.type.byteCount
      case .optimizer, .average: optimizer += own.type.byteCount
      case .residual: gradients += own.type.byteCount
      case .accumulator: break
      }
      guard slot.kind == .parameter, slot.isTrainable else { continue }
      // Whether gradients are gathered up over micro-batches or used at once, each takes its place.
      var gradient = slot
      gradient.kind = .accumulator
      let shape = rules.storage(gradient).localShape(rules.mesh)
      gradients += slot.type.with(shape: shape).byteCount
    }
    for call in schedule.calls {
      guard let segment = plan.segment(call.entry) else { continue }
      activations = max(activations, segment.activationBytes)
      for instruction in segment.instructions { count(instruction, rules.mesh) }
    }
  }

  private mutating func count(_ instruction: Instruction, _ mesh: Mesh) {
    guard let collective = instruction.operation as? any Collective else { return }
    let ranks = mesh.extent(collective.axes)
    // As if each rank were a host of its own.
    let large = collective.byteCount(instruction.operandTypes, instruction.resultTypes)
    let bytes = collective.exchange.turns * (large - large / ranks)
    communication += bytes
    let axes = collective.axes.map(\.rawValue).joined(separator: " and ")
    collectives["\(collective.name) over \(axes)", default: 0] += bytes
    exchanges[collective.exchange, default: 0] += bytes
  }
}

extension Collective {
  /// The way in which its bytes go around.
  var exchange: Exchange {
    switch self {
    case is ReduceScatter, is CompressedReduceScatter: .reduceScatter
    case is AllGather: .allGather
    case is AllToAll: .allToAll
    default: .allReduce
    }
  }

  /// The bytes of the operand or the result as they travel, whichever is larger.
  func byteCount(_ operands: [Type], _ results: [Type]) -> Int {
    if let compressed = self as? any CompressedSum {
      return compressed.byteCount(of: operands[0])
    }
    return max(operands[0].byteCount, results[0].byteCount)
  }
}

extension Segment {
  /// The bytes of the values made by forward that backward reads.
  fileprivate var activationBytes: Int {
    // The value that lies at an offset now, while forward has made it.
    var made: [Int: Placement] = [:]
    var (kept, total) = (Set<Int>(), 0)
    for instruction in instructions {
      if instruction.origin.phase != .forward {
        for place in instruction.operands where made[place.offsetBytes] == place {
          if kept.insert(place.offsetBytes).inserted { total += place.byteCount }
        }
      }
      for place in instruction.results where place.arena == .values {
        kept.remove(place.offsetBytes)
        made[place.offsetBytes] = instruction.origin.phase == .forward ? place : nil
      }
    }
    return total
  }
}
