import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Which collectives of a data-parallel GPT go on beside compute.
///
/// The model is so small that one bucket would take all of its gradients.
@Suite struct BesideTests {
  private func instructions(_ strategy: Strategy, _ links: Links) throws -> [Instruction] {
    let run = try PartitionTests.run(clip: nil, isWide: false)
    var target = MachineTable.twoCores
    target.links = links
    let lowering = Program.lowering(strategy, for: target, .all(but: .bucket))
    let rank = try run.program.applying(lowering)
    return try #require(Plan(rank, for: target).segment(.step)).instructions
  }

  @Test func noneDoWhereRanksShareMemory() throws {
    let all = try instructions(Strategy(data: 2), MachineTable.twoCores.links)
    #expect(all.contains { $0.operation is AllReduce })
    #expect(all.allSatisfy { !$0.isBeside && $0.waits.isEmpty })
  }

  /// Gradients are summed while backward goes on; updates wait for them when it has ended.
  @Test(arguments: [Strategy(data: 2), Strategy(data: 2, zero: 2)])
  func overANetworkGradientsAreExchangedDuringBackward(_ strategy: Strategy) throws {
    let all = try instructions(strategy, .network)
    let end = try #require(all.lastIndex { $0.origin.phase != .update })
    let during = all.indices.filter { all[$0].isBeside && $0 < end }
    let waiting = all.indices.filter { !all[$0].waits.isEmpty }
    #expect(during.count > 10, "\(during)")
    #expect(waiting.allSatisfy { $0 > end }, "\(waiting), backward ends at \(end)")
    for index in waiting {
      #expect(all[index].waits.allSatisfy { all[$0].operation is any Collective && $0 < index - 1 })
    }
  }

  /// No arithmetic of backward comes between a gradient and the sum over the ranks that it needs.
  @Test func anExchangeBeginsWithItsGradient() throws {
    let run = try PartitionTests.run(clip: nil, isWide: false)
    var target = MachineTable.twoCores
    target.links = .network
    let lowering = Program.lowering(Strategy(data: 2), for: target, .all(but: .bucket))
    let rank = try run.program.applying(lowering)
    let graph = try #require(rank.entry(.step)).graph
    let sums = graph.nodes.indices.filter { graph.nodes[$0].operation is AllReduce }
    #expect(sums.count > 20)
    for sum in sums {
      let gradient = graph.base(graph.nodes[sum].operands[0]).node
      let between = graph.nodes[(gradient + 1)..<sum]
      #expect(!between.contains { $0.operation is Contraction }, "\(gradient) to \(sum)")
    }
  }

  /// Parameters of later layers are gathered while earlier ones compute.
  @Test func parametersAreGatheredAhead() throws {
    let all = try instructions(Strategy(data: 2, zero: 3), .network)
    let gathers = all.indices.filter {
      all[$0].operation is AllGather && all[$0].origin.phase != .update
    }
    let beside = gathers.filter { all[$0].isBeside }
    #expect(beside.count * 2 > gathers.count, "\(beside.count) of \(gathers.count)")
    let near = try instructions(Strategy(data: 2, zero: 3), MachineTable.twoCores.links)
    #expect(near.count { $0.operation is AllGather } == all.count { $0.operation is AllGather })
  }

  /// Of an exchange that takes as long as backward most is hidden; without anything beside it, nothing is.
  @Test func theForecastHidesWhatGoesOnBeside() throws {
    let run = try PartitionTests.run(clip: nil, isWide: false)
    let strategy = Strategy(data: 2)
    func forecast(_ links: Links) throws -> StepForecast {
      // Slow enough that arithmetic counts in so small a model.
      let target = MachineTable(
        name: "slow", flopsPerSecond: 1e6, bytesPerSecond: 1e7, links: links)
      let rank = try run.program.applying(Program.lowering(strategy, for: target))
      return StepForecast(
        try Plan(rank, for: target), Schedule(run.program, microBatches: 1), links: links,
        mesh: strategy.mesh)
    }
    let link = Link(latencySeconds: 0, bytesPerSecond: 1e5)
    let inTurn = try forecast(Links(link))
    let beside = try forecast(Links(link, workBeside: true))
    #expect(inTurn.exposedSeconds > 0.01)
    #expect(beside.exposedSeconds < 0.5 * inTurn.exposedSeconds, "\(beside) and \(inTurn)")
    #expect(beside.seconds < inTurn.seconds && beside.exposedSeconds < beside.seconds)
  }

  /// What a collective reads and writes stays until it is over.
  @Test func nobodyTouchesWhatIsExchanged() throws {
    let all = try instructions(Strategy(data: 2, tensor: 2, zero: 1), .network)
    var running: [Int] = []
    for (index, instruction) in all.enumerated() {
      running.removeAll { instruction.waits.contains($0) }
      let written = instruction.results + [instruction.workspace].compactMap { $0 }
      for other in running.map({ all[$0] }) {
        for place in written {
          #expect(!(other.operands + other.results).contains { $0.meets(place) })
        }
        for place in instruction.operands { #expect(!other.results.contains { $0.meets(place) }) }
      }
      if instruction.isBeside { running.append(index) }
    }
  }
}

extension Placement {
  fileprivate func meets(_ other: Placement) -> Bool {
    let (own, their) = (
      offsetBytes..<offsetBytes + byteCount, other.offsetBytes..<other.offsetBytes + other.byteCount
    )
    return arena == other.arena && own.overlaps(their)
  }
}
