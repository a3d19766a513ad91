import DeepEPTensors

/// Nodes that become one region.
struct Cluster {
  /// The loops that the region walks.
  enum Space: Equatable {
    /// Every point of a shape; the last `columns` dimensions are reduced within a row (nil: none is).
    case map(shape: [Int], columns: Int?)
    /// Every point of a shape, reduced over dimensions that are not the last ones.
    case reduce(shape: [Int], dimensions: [Int])
    /// A single node that places its operands.
    case placement
  }

  var space: Space
  var members: [Int]
}

/// Groups the nodes of a graph into clusters, from the last node to the first: a producer joins the
/// cluster of its consumers where the loops agree and no cycle arises.
struct Clusters {
  let graph: Graph
  let roles: Roles
  private(set) var all: [Cluster] = []
  /// The clusters of each node: none for memory and movement, several for one that is cheap to
  /// compute again.
  private(set) var owners: [[Int]]
  /// For each cluster the first and last of the members whose values others may read.
  private var spans: [ClosedRange<Int>] = []
  private let users: [[Int]]
  private let isRoot: [Bool]
  /// For each node whether its users read what it repeats instead of it.
  private let isBroadcast: [Bool]
  /// For each node whether it finds elements of its first operand by an index.
  private let isLookup: [Bool]
  private let leaves: Leaves
  private let optimizations: Set<Optimization>

  /// Rows longer than this are not worth one thread.
  private static let longestSerialRow = 16384

  init(_ entry: Entry, _ roles: Roles, _ optimizations: Set<Optimization>) {
    graph = entry.graph
    self.roles = roles
    self.optimizations = optimizations
    owners = Array(repeating: [], count: graph.nodes.count)
    users = graph.users
    var isRoot = Array(repeating: false, count: graph.nodes.count)
    for root in entry.roots { isRoot[root.node] = true }
    self.isRoot = isRoot
    isBroadcast = entry.graph.nodes.indices.map {
      roles[$0] == .movement && entry.graph.nodes[$0].operation is Broadcast
    }
    isLookup = entry.graph.nodes.map(\.findsByIndex)
    leaves = Leaves(entry.graph, roles)
    for node in graph.nodes.indices.reversed() { place(node) }
    if optimizations.contains(.fuse) { mergeSiblings() }
  }

  // MARK: Consumers

  private struct Consumers {
    /// Nodes that can use the value while it is in a register, and whether through a broadcast that
    /// repeats it along new last dimensions only.
    var direct: [(node: Int, isPrefix: Bool)] = []
    var needsMemory = false
  }

  private func consumers(of node: Int) -> Consumers {
    var result = Consumers(needsMemory: isRoot[node])
    collect(node, isPrefix: true, &result)
    return result
  }

  private func collect(_ node: Int, isPrefix: Bool, _ result: inout Consumers) {
    for user in users[node] {
      let use = graph.nodes[user]
      switch roles[user] {
      case .scalar where isTable(node, of: user):
        result.needsMemory = true
        if use.operands.dropFirst().contains(where: { $0.node == node }) {
          result.direct.append((user, isPrefix))
        }
      case .scalar, .reduction: result.direct.append((user, isPrefix))
      case .movement:
        guard let broadcast = use.operation as? Broadcast else {
          result.needsMemory = true
          continue
        }
        if isRoot[user] { result.needsMemory = true }
        let isLeading =
          broadcast.dimensions == Array(broadcast.dimensions.indices)
          && broadcast.shape.starts(with: graph.nodes[node].types[0].shape)
        collect(user, isPrefix: isPrefix && isLeading, &result)
      default: result.needsMemory = true
      }
    }
  }

  /// Whether a node's value has to be written to memory.
  func isOutput(_ node: Int) -> Bool {
    let consumers = consumers(of: node)
    return consumers.needsMemory
      || consumers.direct.contains { !owners[$0.node].allSatisfy(owners[node].contains) }
  }

  // MARK: Placement

  private mutating func place(_ node: Int) {
    switch roles[node] {
    case .memory, .movement: return
    case .placement: found(.placement, node)
    case .copy: found(.map(shape: shape(node), columns: nil), node)
    case .scalar: placeScalar(node)
    case .reduction: placeReduction(node)
    }
  }

  private func shape(_ node: Int) -> [Int] { graph.nodes[node].types[0].shape }

  private mutating func found(_ space: Cluster.Space, _ node: Int) {
    owners[node] = [all.count]
    all.append(Cluster(space: space, members: [node]))
    spans.append(node...node)
  }

  private mutating func join(
    _ node: Int, _ cluster: Int, _ space: Cluster.Space, isRepeated: Bool = false
  ) {
    owners[node].append(cluster)
    if !isRepeated { spans[cluster] = node...spans[cluster].upperBound }
    all[cluster].members.append(node)
    all[cluster].space = space
  }

  private func candidates(_ consumers: Consumers) -> [Int] {
    guard optimizations.contains(.fuse) else { return [] }
    // The cluster that was founded last comes first in the program.
    return Set(consumers.direct.flatMap { owners[$0.node] }).sorted(by: >)
  }

  private mutating func placeScalar(_ node: Int) {
    let consumers = consumers(of: node)
    let candidates = candidates(consumers)
    let spaces = candidates.map { cluster in
      isPrefix(consumers, in: cluster) ? scalarSpace(node, all[cluster].space) : nil
    }
    let isRepeated = candidates.count > 1 || consumers.needsMemory
    let canRepeat =
      optimizations.contains(.recompute) && !consumers.needsMemory && leaves.isCheap(node)
      && candidates.count <= 4
    if candidates.count > 1, canRepeat, !spaces.contains(nil) {
      for (cluster, space) in zip(candidates, spaces) {
        if let space { join(node, cluster, space, isRepeated: true) }
      }
      return
    }
    for (cluster, space) in zip(candidates, spaces) {
      guard let space, !(isRepeated && isColumnReduction(space)) else { continue }
      guard !(all[cluster].space.isOneRow && usesReduction(node)) else { continue }
      if closesCycle(node, joining: cluster) { continue }
      join(node, cluster, space)
      return merge(candidates, into: cluster)
    }
    found(.map(shape: shape(node), columns: nil), node)
  }

  private func isColumnReduction(_ space: Cluster.Space) -> Bool {
    if case .reduce = space { true } else { false }
  }

  /// Whether an operand is the result of a reduction: then the node belongs to the rows reduced, not
  /// to a single row of their results.
  private func usesReduction(_ node: Int) -> Bool {
    graph.nodes[node].operands.contains { roles[$0.node] == .reduction }
  }

  /// Joins clusters that walk the same rows and use the same value.
  mutating func merge(_ candidates: [Int], into cluster: Int) {
    for other in candidates where other != cluster {
      guard let space = all[cluster].space.union(all[other].space),
        !leads(from: cluster, to: other), !leads(from: other, to: cluster),
        passesInRegisters(from: cluster, to: other), passesInRegisters(from: other, to: cluster)
      else { continue }
      for member in all[other].members {
        owners[member].removeAll { $0 == other || $0 == cluster }
        owners[member].append(cluster)
      }
      all[cluster].members = Array(Set(all[cluster].members + all[other].members)).sorted(by: >)
      all[cluster].space = space
      let (own, joined) = (spans[cluster], spans[other])
      spans[cluster] =
        min(own.lowerBound, joined.lowerBound)...max(own.upperBound, joined.upperBound)
      all[other].members = []
    }
  }

  /// Whether what one cluster uses of another is there when it is needed: not another row's.
  private func passesInRegisters(from cluster: Int, to other: Int) -> Bool {
    all[cluster].members.allSatisfy { member in
      isPrefix(consumers(of: member), in: other)
        && !users[member].contains { isTable(member, of: $0) && owners[$0].contains(other) }
    }
  }

  /// Whether a node finds elements of another by an index: it needs all of it, not one element.
  private func isTable(_ node: Int, of user: Int) -> Bool {
    isLookup[user] && graph.nodes[user].operands[0].node == node
  }

  private func isPrefix(_ consumers: Consumers, in cluster: Int) -> Bool {
    consumers.direct.allSatisfy { $0.isPrefix || !owners[$0.node].contains(cluster) }
  }

  /// The space of a cluster after an element-wise node joins it; nil if the node does not fit.
  private func scalarSpace(_ node: Int, _ space: Cluster.Space) -> Cluster.Space? {
    let own = shape(node)
    switch space {
    case .map(let shape, let columns):
      if own == shape { return space }
      guard shape.starts(with: own), own.count < shape.count else { return nil }
      if let columns { return own.count == shape.count - columns ? space : nil }
      return own.isEmpty ? nil : .map(shape: shape, columns: shape.count - own.count)
    case .reduce(let shape, _): return own == shape ? space : nil
    case .placement: return nil
    }
  }

  private mutating func placeReduction(_ node: Int) {
    guard let reduce = graph.nodes[node].operation as? Reduce else { return }
    let operand = graph.type(of: graph.nodes[node].operands[0]).shape
    let columns = reduce.dimensions.count
    let consumers = consumers(of: node)
    guard reduce.dimensions == Array((operand.count - columns)..<operand.count) else {
      return placeColumnReduction(node, .reduce(shape: operand, dimensions: reduce.dimensions))
    }
    for cluster in candidates(consumers) where isPrefix(consumers, in: cluster) {
      let space = rowSpace(operand, columns, all[cluster].space)
      if let space, !closesCycle(node, joining: cluster) { return join(node, cluster, space) }
    }
    found(.map(shape: operand, columns: columns), node)
  }

  /// The space of a cluster after a reduction over the last dimensions joins it.
  private func rowSpace(_ operand: [Int], _ columns: Int, _ space: Cluster.Space) -> Cluster.Space?
  {
    guard case .map(let shape, let known) = space else { return nil }
    let rows = operand.dropLast(columns)
    let isSerial = rows.isEmpty && operand.reduce(1, *) > Self.longestSerialRow
    guard !isSerial else { return nil }
    if shape == operand {
      return known ?? columns == columns ? .map(shape: shape, columns: columns) : nil
    }
    let becomesRows = known == nil && shape == Array(rows) && columns > 0
    return becomesRows ? .map(shape: operand, columns: columns) : nil
  }

  /// Reductions over the same loops in the same module share a region.
  private mutating func placeColumnReduction(_ node: Int, _ space: Cluster.Space) {
    let path = graph.nodes[node].origin.path
    // A sum that the others are computed from must be whole before they start.
    let isNeeded = Set(consumers(of: node).direct.flatMap { owners[$0.node] })
    let sibling = all.indices.last { cluster in
      all[cluster].space == space && graph.nodes[all[cluster].members[0]].origin.path == path
        && !isNeeded.contains(cluster)
    }
    if let sibling, optimizations.contains(.fuse), !closesCycle(node, joining: sibling) {
      return join(node, sibling, space)
    }
    found(space, node)
  }

  // MARK: Cycles

  /// Whether a value of `node` would leave the cluster and come back into it.
  private func closesCycle(_ node: Int, joining cluster: Int) -> Bool {
    reaches(cluster, from: successors(of: node, in: [cluster]))
  }

  /// Whether a value of one cluster travels outside of both and into the other.
  private func leads(from cluster: Int, to other: Int) -> Bool {
    let next = successors(of: .cluster(cluster)).filter { $0 != .cluster(other) }
    return reaches(other, from: next)
  }

  /// What runs as one: a cluster, or a node that belongs to none.
  private enum Unit: Hashable {
    case cluster(Int)
    case node(Int)
  }

  /// Whether any of the units leads to a cluster.
  private func reaches(_ cluster: Int, from starts: [Unit]) -> Bool {
    let last = lastNode(before: cluster)
    var visited: Set<Unit> = []
    var pending = starts
    while let next = pending.popLast() {
      if next == .cluster(cluster) { return true }
      if case .node(let node) = next, node > last { continue }
      if visited.insert(next).inserted { pending += successors(of: next) }
    }
    return false
  }

  /// A node after which none leads to a cluster.
  ///
  /// Values travel to later nodes, but within a cluster also back: a later value that it needs holds
  /// up all of its members.
  private func lastNode(before cluster: Int) -> Int {
    var last = spans[cluster].upperBound
    while true {
      let next = spans.reduce(last) { $1.lowerBound <= $0 ? max($0, $1.upperBound) : $0 }
      if next == last { return last }
      last = next
    }
  }

  private func successors(of unit: Unit) -> [Unit] {
    switch unit {
    case .node(let node): successors(of: node, in: [])
    case .cluster(let cluster):
      all[cluster].members.filter { owners[$0].first == cluster }.flatMap {
        successors(of: $0, in: owners[$0])
      }
    }
  }

  /// The units that read the value of a node from memory; its own clusters compute it themselves.
  private func successors(of node: Int, in own: [Int]) -> [Unit] {
    users[node].flatMap { user -> [Unit] in
      if !owners[user].isEmpty {
        let inside = isTable(node, of: user) ? [] : own
        return owners[user].filter { !inside.contains($0) }.map { .cluster($0) }
      }
      return isBroadcast[user] ? successors(of: user, in: own) : [.node(user)]
    }
  }
}

extension Cluster.Space {
  /// Whether everything is reduced in a single row.
  var isOneRow: Bool {
    guard case .map(let shape, let columns) = self else { return false }
    return columns == shape.count
  }

  /// The space that walks the points of both; nil if their rows differ.
  func union(_ other: Cluster.Space) -> Cluster.Space? {
    guard case .map(let shape, let columns) = self, case .map(shape, let others) = other,
      columns == others || columns == nil || others == nil
    else { return nil }
    return .map(shape: shape, columns: columns ?? others)
  }
}
