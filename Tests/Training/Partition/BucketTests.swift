import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Gradients of a data-parallel GPT are exchanged together, and parameters gathered.
///
/// That results stay is ``PartitionLawTests``.
@Suite struct BucketTests {
  private func step(
    _ strategy: Strategy, _ links: Links, _ optimizations: Set<Optimization> = .all
  ) throws -> Graph {
    let run = try PartitionTests.run(clip: nil, isWide: false)
    var target = MachineTable.twoCores
    target.links = links
    let rank = try run.program.applying(Program.lowering(strategy, for: target, optimizations))
    return try #require(rank.entry(.step)).graph
  }

  private func exchanges(_ graph: Graph) -> [Node] {
    graph.nodes.filter {
      ($0.operation is AllReduce || $0.operation is ReduceScatter) && $0.origin.phase == .update
    }
  }

  private func exchanges(
    _ strategy: Strategy, _ links: Links, _ optimizations: Set<Optimization> = .all
  ) throws -> [Node] { exchanges(try step(strategy, links, optimizations)) }

  /// The modules whose gradients an exchange carries: those that its operand comes from most directly.
  private func modules(_ exchange: Node, _ graph: Graph) -> [String] {
    exchange.operands.flatMap { operand in
      let node = graph.nodes[operand.node]
      return node.origin.path.isEmpty ? modules(node, graph) : [node.origin.path]
    }
  }

  private func byteCount(_ exchanges: [Node]) -> Int {
    exchanges.reduce(0) { $0 + $1.types[0].byteCount }
  }

  private static let slow = Links(Link(latencySeconds: 1e-3, bytesPerSecond: 1e7), workBeside: true)

  @Test(arguments: [Strategy(data: 2), Strategy(data: 2, zero: 2), Strategy(data: 2, tensor: 2)])
  func fewCarryTheSameBytes(_ strategy: Strategy) throws {
    let alone = try exchanges(strategy, Self.slow, .all(but: .bucket))
    let together = try exchanges(strategy, Self.slow)
    #expect(together.count * 2 < alone.count, "\(together.count) of \(alone.count)")
    #expect(byteCount(together) == byteCount(alone))
  }

  /// So are parameters that ranks gather, once for forward and once more for backward.
  @Test func parametersAreGatheredTogether() throws {
    let strategy = Strategy(data: 2, zero: 3)
    let gathers = { (optimizations: Set<Optimization>) in
      try step(strategy, Self.slow, optimizations).nodes.filter {
        $0.operation is AllGather && $0.origin.phase != .update
      }
    }
    let (alone, together) = (try gathers(.all(but: .bucket)), try gathers(.all))
    #expect(together.count * 2 < alone.count, "\(together.count) of \(alone.count)")
    #expect(byteCount(together) == byteCount(alone))
    #expect(Set(together.map { $0.origin.phase == .forward }).count == 2)
  }

  @Test func withoutLatencyEachGoesAlone() throws {
    let links = Links(Link(latencySeconds: 0, bytesPerSecond: 1e7), workBeside: true)
    let alone = try exchanges(Strategy(data: 2), links, .all(but: .bucket))
    #expect(try exchanges(Strategy(data: 2), links).count == alone.count)
  }

  /// Backward makes the gradients of the last block first, though updates are written in the order of slots.
  @Test func bucketsFollowBackward() throws {
    // Buckets of about a kilobyte: several for each block.
    let links = Links(Link(latencySeconds: 1e-5, bytesPerSecond: 6.5e6), workBeside: true)
    let graph = try step(Strategy(data: 2), links)
    let modules = exchanges(graph).map { self.modules($0, graph).joined(separator: " ") }
    let last = modules.firstIndex { $0.contains("h.1.") }
    let first = modules.firstIndex { $0.contains("h.0.") }
    #expect(try #require(last, "\(modules)") < #require(first, "\(modules)"), "\(modules)")
  }

  /// Four times the latency or four times the bytes want larger buckets, but not in proportion; to a byte.
  @Test func sizesFollowFromLinks() {
    let mesh = Strategy(data: 2).mesh
    let size = { (latency: Double, bytes: Int) in
      Links(Link(latencySeconds: latency, bytesPerSecond: 1e9))
        .bucketBytes(of: bytes, over: [.data], of: mesh)
    }
    #expect(abs(size(4e-4, 1 << 20) - 2 * size(1e-4, 1 << 20)) <= 1)
    #expect(abs(size(1e-4, 4 << 20) - 2 * size(1e-4, 1 << 20)) <= 1)
  }
}
