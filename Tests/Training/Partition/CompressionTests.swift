import DeepEPCommunication
import DeepEPCompute
import DeepEPOptimizers
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Gradients that travel between hosts with fewer bits.
@Suite struct CompressionTests {
  private static let cases: [(hosts: [Int], strategy: Strategy, accumulation: Int)] = [
    ([1, 1], Strategy(data: 2), 1), ([1, 1], Strategy(data: 2, zero: 3), 1),
    ([2, 2], Strategy(data: 4, zero: 1), 1), ([2, 2], Strategy(data: 4, zero: 2), 2),
    ([2, 2], Strategy(data: 2, tensor: 2, sequenceParallel: true), 1),
  ]

  private static func run(
    _ compression: Compression, accumulation: Int = 1, steps: Int = 30
  ) throws -> MeshRun {
    try PartitionTests.run(
      accumulation: accumulation, optimizer: SGD(learningRate: 0.1), isWide: false, steps: steps,
      compression: compression)
  }

  /// Near the curve of exact sums, on which it is not; and all ranks that hold a parameter have the same bits.
  @Test(arguments: [(Compression.bfloat16, MachineTable.twoCores.links), (.int8, Links.network)])
  func trainingStaysOnTheCurve(_ compression: Compression, _ links: Links) throws {
    let kernels = try KernelLibrary()
    for (hosts, strategy, accumulation) in Self.cases {
      var compressed = strategy
      compressed.compression = compression
      let exact = try Self.run(.none, accumulation: accumulation)
        .compiled(strategy, links, kernels, hosts: hosts)
      let found = try Self.run(compression, accumulation: accumulation)
        .compiled(compressed, links, kernels, hosts: hosts)
      let furthest = zip(exact.losses, found.losses).map { abs($0 - $1) }.max() ?? .infinity
      #expect(furthest < (compression == .int8 ? 2e-2 : 5e-3), "\(compressed): \(furthest)")
      #expect(furthest > 1e-7, "\(compressed): nothing was rounded")
      let lost = found.parts.filter { $0.key.hasPrefix("compression.residual/") }
      #expect(lost.values.joined().contains { $0.doubles.contains { $0 != 0 } })
      checkEqualBits(found, compressed)
    }
  }

  private func checkEqualBits(_ ending: MeshRun.Ending, _ strategy: Strategy) {
    guard strategy.zero < 3 else { return }
    for (name, parts) in ending.parts where ending.state[name] != nil && !isShared(name, strategy) {
      for rank in parts.indices {
        let others = strategy.mesh.group(of: rank, along: [.host, .data])
        #expect(Set(others.map { parts[$0] }).count == 1, "\(name) differs on \(others)")
      }
    }
  }

  private func isShared(_ name: String, _ strategy: Strategy) -> Bool {
    strategy.zero > 0 && name.hasPrefix("optimizer.")
  }

  /// The same bits every time.
  @Test func aRunRepeats() throws {
    let run = try Self.run(.int8, steps: 5)
    let strategy = Strategy(data: 4, zero: 1, compression: .int8)
    let endings = try (0..<2).map { _ in try run.compiled(strategy, .network, hosts: [2, 2]) }
    #expect(endings[0].losses == endings[1].losses && endings[0].state == endings[1].state)
  }

  /// On one host the sums are those of a strategy that keeps them exact, and nothing is lost.
  @Test func onOneHostNothingIsRounded() throws {
    let exact = try Self.run(.none, steps: 5).compiled(Strategy(data: 2))
    let found = try Self.run(.int8, steps: 5).compiled(Strategy(data: 2, compression: .int8))
    #expect(found.losses == exact.losses)
    for (name, parts) in found.parts where name.hasPrefix("compression.residual/") {
      #expect(parts.allSatisfy { $0.doubles.allSatisfy { $0 == 0 } })
    }
  }

  /// In float64 on the interpreter, by one rank and by several, nothing is rounded either.
  @Test(arguments: [
    Strategy(data: 2), Strategy(data: 4, zero: 1), Strategy(data: 2, tensor: 2, zero: 3),
  ])
  func theOracleRoundsNothing(_ strategy: Strategy) throws {
    let run = try PartitionTests.run(accumulation: 2, compression: .int8)
    var compressed = strategy
    compressed.compression = .int8
    #expect(
      try run.alone().differences(from: run.interpreted(compressed), tolerance: 1e-9) == [])
    let plain = try PartitionTests.run(accumulation: 2)
    #expect(try plain.alone().losses == run.alone().losses)
  }

  /// Each gradient's sum over data-parallel ranks, and nothing else.
  @Test func onlyGradientsAreCompressed() throws {
    let run = try Self.run(.int8)
    let strategy = Strategy(data: 2, tensor: 2, sequenceParallel: true, compression: .int8)
    let rank = try run.program.applying([Expand(), Partition(strategy)])
    let graph = try #require(rank.entry(.step)).graph
    let sums = graph.nodes.compactMap { $0.operation as? CompressedAllReduce }
    #expect(sums.count == run.program.slots.count { $0.kind == .parameter && $0.isTrainable })
    #expect(Set(sums) == [CompressedAllReduce(.int8, axes: [.data])])
    #expect(
      rank.entry(.evaluate)?.graph.nodes.contains { $0.operation is CompressedAllReduce } == false)
  }

  /// Under ZeRO a rank receives its share of a gradient alone: half of the bytes.
  @Test func sharesAreReducedWhereTheyStay() throws {
    let run = try Self.run(.int8)
    let rank = try run.program.applying([
      Expand(), Partition(Strategy(data: 2, zero: 1, compression: .int8)),
    ])
    let graph = try #require(rank.entry(.step)).graph
    let scatters = graph.nodes.compactMap { $0.operation as? CompressedReduceScatter }
    #expect(scatters.count == run.program.slots.count { $0.kind == .parameter && $0.isTrainable })
    #expect(!graph.nodes.contains { $0.operation is CompressedAllReduce })
  }
}
