import DeepEPTensors

/// Defines the transform that makes the order of nodes the order in which they run.
///
/// Greedy list scheduling: of the nodes that are ready, the one that leaves the fewest bytes alive
/// comes next; in a tie the first. A node that writes a slot comes after all that read its old value,
/// where nothing forbids it, so that it can write in place: control operands say so. Needs any valid
/// program; leaves the same nodes.
package struct Order: Transform {
  package let name = TransformName.order

  package init() {}

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      let graph = entry.graph
      let controls = slotControls(entry)
      var rewriter = GraphRewriter(graph)
      for index in Schedule(entry, controls).order() {
        var node = graph.nodes[index]
        node.controls = Array(Set(node.controls + controls[index])).sorted()
        rewriter.append(rewriter.mapped(node), for: index)
      }
      return rewriter.finish(entry)
    }
  }

  /// For each node the nodes that read a slot which it writes.
  private func slotControls(_ entry: Entry) -> [[Int]] {
    let graph = entry.graph
    var users = graph.users
    var controls = [[Int]](repeating: [], count: graph.nodes.count)
    let reads = graph.readsBySlot
    for update in entry.updates {
      let writer = base(update.value.node, graph)
      for index in reads[update.slot] ?? [] {
        for reader in readers(index, graph, users) where reader != writer {
          if leads(from: writer, to: reader, users) { continue }
          controls[writer].append(reader)
          users[reader].append(writer)
        }
      }
    }
    return controls
  }

  private func base(_ node: Int, _ graph: Graph) -> Int {
    graph.nodes[node].operation is Reshape ? base(graph.nodes[node].operands[0].node, graph) : node
  }

  /// The nodes that read a slot's memory, also through reshapes.
  private func readers(_ node: Int, _ graph: Graph, _ users: [[Int]]) -> [Int] {
    users[node].flatMap { user in
      graph.nodes[user].operation is Reshape ? readers(user, graph, users) : [user]
    }
  }

  private func leads(from start: Int, to goal: Int, _ users: [[Int]]) -> Bool {
    var visited: Set<Int> = []
    var pending = [start]
    while let next = pending.popLast() {
      if next == goal { return true }
      if visited.insert(next).inserted { pending += users[next] }
    }
    return false
  }
}

extension Graph {
  /// The nodes that read each slot.
  fileprivate var readsBySlot: [Int: [Int]] {
    var reads: [Int: [Int]] = [:]
    for index in nodes.indices {
      guard let read = nodes[index].operation as? Read else { continue }
      reads[read.slot, default: []].append(index)
    }
    return reads
  }
}

/// The greedy schedule of one entry.
private struct Schedule {
  /// The bytes of each node's results; nil for inputs and slots, which have their memory anyway.
  private let bytes: [Int?]
  private let users: [[Int]]
  /// For each node how many nodes before it have not run.
  private var waiting: [Int]
  /// For each node how many users of its results have not run; the results of an entry never end.
  private var remaining: [Int]
  private let operands: [[Int]]

  init(_ entry: Entry, _ controls: [[Int]]) {
    let graph = entry.graph
    bytes = graph.nodes.map { node in
      let isResident = node.operation is Input || node.operation is Read
      return isResident ? nil : node.types.reduce(0) { $0 + $1.byteCount }
    }
    let all = graph.nodes.enumerated().map { index, node in
      Array(Set(node.operands.map(\.node) + node.controls + controls[index]))
    }
    var users = [[Int]](repeating: [], count: all.count)
    for (index, before) in all.enumerated() { before.forEach { users[$0].append(index) } }
    self.users = users
    waiting = all.map(\.count)
    operands = graph.nodes.map { Array(Set($0.operands.map(\.node))) }
    remaining = Array(repeating: 0, count: all.count)
    for node in operands.joined() { remaining[node] += 1 }
    for result in entry.results { remaining[result.value.node] += 1 }
  }

  func order() -> [Int] {
    var schedule = self
    return schedule.run()
  }

  private mutating func run() -> [Int] {
    var ready = waiting.indices.filter { waiting[$0] == 0 }
    var order: [Int] = []
    while let position = best(ready) {
      let index = ready.remove(at: position)
      order.append(index)
      for operand in operands[index] { remaining[operand] -= 1 }
      for user in users[index] {
        waiting[user] -= 1
        if waiting[user] == 0 { ready.append(user) }
      }
      ready.sort()
    }
    return order
  }

  private func best(_ ready: [Int]) -> Int? {
    ready.indices.min { (growth(ready[$0]), ready[$0]) < (growth(ready[$1]), ready[$1]) }
  }

  /// The bytes that running a node adds to those alive.
  private func growth(_ index: Int) -> Int {
    guard let added = bytes[index] else { return -1 }
    return operands[index].reduce(added) { growth, operand in
      remaining[operand] == 1 ? growth - (bytes[operand] ?? 0) : growth
    }
  }
}
