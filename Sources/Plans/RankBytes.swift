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

  /// Counts the bytes of a program.
  ///
  /// - Parameters:
  ///   - program: The program for one device, with its updates.
  ///   - rank: The same after `partition` and `fuse`.
  ///   - schedule: The calls of a step.
  package init(_ program: Program, rank: Program, _ strategy: Strategy, _ schedule: Schedule) {
    let rules = ShardingRules(strategy)
    for (slot, own) in zip(program.slots, rank.slots) {
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
      guard let entry = rank.entry(call.entry) else { continue }
      activations = max(activations, entry.activationBytes)
      for node in entry.graph.nodes { count(node, entry.graph, rules.mesh) }
    }
  }

  private mutating func count(_ node: Node, _ graph: Graph, _ mesh: Mesh) {
    guard let collective = node.operation as? any Collective else { return }
    let ranks = mesh.extent(collective.axes)
    let operand = graph.type(of: node.operands[0])
    // As if each rank were a host of its own.
    let large =
      (collective as? CompressedAllReduce)?.byteCount(of: operand)
      ?? max(operand.byteCount, node.types[0].byteCount)
    let rounds = collective is AllReduce || collective is CompressedAllReduce ? 2 : 1
    let bytes = rounds * (large - large / ranks)
    communication += bytes
    let axes = collective.axes.map(\.rawValue).joined(separator: " and ")
    collectives["\(collective.name) over \(axes)", default: 0] += bytes
  }
}

extension Entry {
  /// The bytes of the values made by forward that backward reads.
  fileprivate var activationBytes: Int {
    var kept: Set<Value> = []
    for node in graph.nodes where node.origin.phase != .forward {
      kept.formUnion(node.operands.map(graph.base).filter(isActivation))
    }
    return kept.reduce(0) { $0 + graph.type(of: $1).byteCount }
  }

  /// Whether forward makes a value; inputs and slots are there without it.
  private func isActivation(_ value: Value) -> Bool {
    let node = graph.nodes[value.node]
    return node.origin.phase == .forward && !(node.operation is Input || node.operation is Read)
  }
}
