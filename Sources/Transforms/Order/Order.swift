import DeepEPTensors

/// Defines the transform that makes the order of nodes the order in which they run: one in which few
/// bytes are in use at once.
///
/// Of small entries the order is the best that there is, of large ones the best of some greedy ones,
/// improved around its peak. A node that writes a slot comes after all that read its old value, where
/// nothing forbids it, so that it can write in place: control operands say so. Needs any valid program;
/// leaves the same nodes.
package struct Order: Transform {
  package let name = TransformName.order

  package init() {}

  package func apply(_ program: Program) throws -> Program {
    try program.mapEntriesConcurrently { entry in
      let graph = entry.graph
      let controls = slotControls(entry)
      let instructions = Instructions(entry, controls)
      var rewriter = GraphRewriter(graph)
      for index in instructions.nodes(in: instructions.bestOrder()) {
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
    let reads = graph.slotReads
    for update in entry.updates {
      let writer = graph.base(update.value).node
      // What is in memory already is copied when everything has run.
      guard graph.nodes[writer].isInstruction else { continue }
      for read in reads[update.slot] ?? [] {
        for reader in readers(read, graph, users) where reader != writer {
          if leads(from: writer, to: reader, users) { continue }
          controls[writer].append(reader)
          users[reader].append(writer)
        }
      }
    }
    return controls
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
  /// For each slot the nodes that read it.
  var slotReads: [Int: [Int]] {
    var reads: [Int: [Int]] = [:]
    for (index, node) in nodes.enumerated() {
      if let read = node.operation as? Read { reads[read.slot, default: []].append(index) }
    }
    return reads
  }
}
