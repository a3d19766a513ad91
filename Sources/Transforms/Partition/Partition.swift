import DeepEPTargets
import DeepEPTensors

/// Defines the transform that turns a program for one device into the program of one rank of a mesh.
///
/// Every dimension of every value gets a list of mesh axes that split it, and every value the axes
/// along which it is partial: a sum or maximum is still owed (Xu et al.: GSPMD, 2021; Lepikhin et
/// al.: GShard, 2020). Shardings start at parameters and inputs, by the strategy's rules, and travel
/// through the factors of operations. Where an operation needs another sharding, a collective is
/// written, with the reason in its origin: the cheapest way there by the target's links. Data, ZeRO, tensor and sequence parallelism are rules, not
/// code of their own.
///
/// Needs a program without composites and without bounded dimensions; leaves the same slots and
/// entries with the shapes of a rank, `meshIndex` the only thing that tells ranks apart, and no
/// `named` nodes. With one rank only the names go.
package struct Partition: Transform {
  package let name = TransformName.partition
  private let rules: ShardingRules
  private let links: Links

  package init(
    _ strategy: Strategy = Strategy(), _ links: Links = MachineTable.twoCores.links
  ) {
    rules = ShardingRules(strategy)
    self.links = links
  }

  package func apply(_ program: Program) throws -> Program {
    guard rules.mesh.rankCount > 1 else {
      return try program.mapEntriesConcurrently { $0.withoutNames() }
    }
    var result = try program.mapEntriesConcurrently { entry in
      var partitioner = Partitioner(entry.pruned(), program.slots, rules, links)
      return try partitioner.partitioned()
    }
    result.slots = program.slots.map(shard)
    return result
  }

  /// A slot as a rank has it.
  private func shard(_ slot: Slot) -> Slot {
    guard let shard = rules.shard(slot) else { return slot }
    var result = slot
    result.type = slot.type.with(shape: shard.sharding.localShape(rules.mesh))
    result.shard = shard
    return result
  }
}

extension Entry {
  /// The entry without the names of dimensions, which nothing reads any more.
  fileprivate func withoutNames() -> Entry {
    var rewriter = GraphRewriter(graph)
    for (index, node) in graph.nodes.enumerated() {
      if node.operation is Named || node.operation is CompressedGradient {
        for (result, operand) in node.operands.enumerated() {
          rewriter[Value(node: index, result: result)] = rewriter[operand]
        }
      } else {
        rewriter.copy(index)
      }
    }
    return rewriter.finish(self).pruned()
  }
}
