import DeepEPTargets
import DeepEPTensors

/// Defines the transform that makes the order of nodes the order in which they run: one in which few
/// bytes are in use at once.
///
/// Of small entries the order is the best that there is, of large ones the best of some greedy ones,
/// improved around its peak. A node that writes a slot comes after all that read its old value, where
/// nothing forbids it, so that it can write in place: control operands say so. Where links work
/// beside the processor, parameters are gathered ahead of their use, and what follows from gradients that ranks
/// exchange comes last: the exchange of one goes on while the next is computed. Needs any valid program; leaves
/// the same nodes.
package struct Order: Transform {
  package let name = TransformName.order
  private let target: any Target

  /// Makes the transform.
  ///
  /// - Parameter target: Whose kernels run, with workspaces that count as memory in use.
  package init(for target: any Target = MachineTable.twoCores) { self.target = target }

  package func apply(_ program: Program) throws -> Program {
    // A target is asked by one thread.
    let workspaces = Dictionary(
      program.entries.map { ($0.name, workspaceBytes($0.graph)) }, uniquingKeysWith: { $1 })
    let isBesideNetwork = target.links.workBeside
    return try program.mapEntriesConcurrently { entry in
      OrderedEntry(entry, workspaces[entry.name] ?? [], isBesideNetwork).written()
    }
  }

  /// For each node the bytes that its kernel needs while it runs; regions need none.
  private func workspaceBytes(_ graph: Graph) -> [Int] {
    graph.nodes.map { node in
      guard node.isInstruction, !(node.operation is Region) else { return 0 }
      let operands = graph.types(of: node.operands)
      // What has no kernel is refused when the plan is made.
      let choice = try? target.choice(for: node.operation, operands: operands, results: node.types)
      return choice?.workspaceBytes ?? 0
    }
  }
}

/// The ordering of one entry.
private struct OrderedEntry {
  private let entry: Entry
  private let workspaces: [Int]
  private let isBesideNetwork: Bool

  init(_ entry: Entry, _ workspaces: [Int], _ isBesideNetwork: Bool) {
    (self.entry, self.workspaces, self.isBesideNetwork) = (entry, workspaces, isBesideNetwork)
  }

  func written() -> Entry {
    let graph = entry.graph
    let controls = slotControls(entry)
    let instructions = Instructions(entry, controls, workspaces)
    var rewriter = GraphRewriter(graph)
    let best = instructions.bestOrder()
    let order = isBesideNetwork ? instructions.besideNetwork(best, graph) : best
    for index in instructions.nodes(in: order) {
      var node = graph.nodes[index]
      node.controls = Array(Set(node.controls + controls[index])).sorted()
      rewriter.append(rewriter.mapped(node), for: index)
    }
    return rewriter.finish(entry)
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
