import DeepEPCommunication
import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// A program with one entry `step`, on the mesh of a strategy: what a rank runs, as text, and whether the
/// ranks together compute what one device does.
struct SplitProgram: CustomStringConvertible {
  /// State with the meaning of its dimensions.
  struct State {
    let type: String
    let axes: String
    var kind = SlotKind.statistic

    init(_ type: String, _ axes: String, _ kind: SlotKind = .statistic) {
      (self.type, self.axes, self.kind) = (type, axes, kind)
    }
  }

  let program: Program
  let strategy: Strategy
  var description: String { "\(strategy)\n\(program)" }

  init(_ program: Program, _ strategy: Strategy) {
    (self.program, self.strategy) = (program, strategy)
  }

  /// Writes a program; the values of its state are `%0`, `%1` and so on.
  init(_ strategy: String, _ state: [State], _ lines: String...) throws {
    let slots = state.enumerated().map { index, slot in
      "slot s\(index) : \(slot.type) {\"axes\":\(slot.axes),\"initializer\":{\"constant\":{\"_0\":0}},"
        + "\"isTrainable\":false,\"kind\":\"\(slot.kind.rawValue)\"}"
    }
    let reads = state.enumerated().map { index, slot in
      "%\(index) = read() {\"slot\":\(index),\"type\":\"\(slot.type)\"} : \(slot.type)"
    }
    let text = (slots + ["entry step"] + reads + lines).joined(separator: "\n")
    self.init(try Program(text: text), Strategy(strategy) ?? Strategy())
  }

  // MARK: Text

  /// The entry of a rank: all but its name and the values of its state.
  func rankText() throws -> String {
    let rank = try program.applying([Partition(strategy)])
    let lines = rank.entries[0].description.split(separator: "\n").dropFirst()
    return lines.filter { !$0.contains("= read()") }.map { line in
      let text = line.firstRange(of: " //").map { line[..<$0.lowerBound] } ?? line
      return String(text.drop { $0 == " " })
    }.joined(separator: "\n")
  }

  /// Expects the text of a rank, and that the ranks compute what one device does.
  func expect(_ text: String, location: Testing.SourceLocation = #_sourceLocation) throws {
    let found = try rankText()
    #expect(found == text, "\n\(found)", sourceLocation: location)
    #expect(try problems() == [], "\(self)", sourceLocation: location)
  }

  // MARK: Numbers

  private var slots: [HostArray] {
    program.slots.enumerated().map { index, slot in
      var random = RandomSource(seed: UInt64(index + 1))
      return random.array(slot.type)
    }
  }

  /// What differs when ranks, each a thread, interpret the program, and when they run its plan.
  func problems(isCompiled: Bool = true) throws -> [String] {
    var alone = try Interpreter(program, slots: slots)
    let results = try alone.call(.step)
    let expected = Outcome(results: results, slots: alone.slots)
    var ways = [("interpreted", try interpreted())]
    if isCompiled { ways.append(("compiled", try compiled())) }
    return ways.flatMap { way, ranks in
      ranks.enumerated().flatMap { rank, outcome in
        expected.differences(from: outcome, tolerance: 1e-12).map { "\(way), rank \(rank): \($0)" }
      }
    }
  }

  private func interpreted() throws -> [Outcome] {
    let rank = try program.applying([Partition(strategy)])
    let ends = try LocalGroup.run(rankCount: strategy.rankCount) { communicator in
      let ranks = try RankCommunicators(strategy.mesh, communicator)
      let parts = zip(rank.slots, slots).map { $0.share(of: $1, rank: communicator.rank) }
      var interpreter = try Interpreter(rank, slots: parts, ranks: ranks)
      return (results: try interpreter.call(.step), slots: interpreter.slots)
    }
    return outcomes(ends, rank.slots)
  }

  private func compiled() throws -> [Outcome] {
    let rank = try program.applying(Program.lowering(strategy))
    let ends = try LocalGroup.run(rankCount: strategy.rankCount) { communicator in
      let device = try CPUDevice(threadCount: 1)
      let ranks = try RankCommunicators(strategy.mesh, communicator)
      let executor = try Executor(Plan(rank, for: device), on: device, ranks: ranks)
      for (slot, whole) in zip(rank.slots, slots) {
        let part = slot.share(of: whole, rank: communicator.rank)
        try executor.withSlot(slot.name) { _, bytes in bytes.copyBytes(from: part.bytes) }
      }
      try executor.call(.step, [])
      var results: [String: HostArray] = [:]
      for result in program.entries[0].results {
        results[result.name] = try executor.result(result.name, of: .step)
      }
      let ends = try rank.slots.map { slot in
        try executor.withSlot(slot.name) { type, bytes in
          HostArray(type.element, type.shape, bytes: UnsafeRawBufferPointer(bytes))
        }
      }
      return (results: results, slots: ends)
    }
    return outcomes(ends, rank.slots)
  }

  private func outcomes(
    _ ends: [(results: [String: HostArray], slots: [HostArray])], _ slots: [Slot]
  ) -> [Outcome] {
    let whole = slots.enumerated().map { index, slot in
      slot.shard?.assembled(ends.map { $0.slots[index] }) ?? ends[0].slots[index]
    }
    return ends.map { Outcome(results: $0.results, slots: whole) }
  }
}

extension Slot {
  /// What a rank has of a tensor; where a sum is owed, each rank has some of every element.
  fileprivate func share(of whole: HostArray, rank: Int) -> HostArray {
    guard let shard else { return whole }
    let settled = Shard(shape: shard.shape, sharding: shard.sharding.settled, mesh: shard.mesh)
    let part = settled.part(of: whole, rank: rank)
    let weight = shard.sharding.partial.keys.reduce(1.0) { weight, axis in
      let others = Double(shard.mesh.extent(axis) - 1)
      return weight * (shard.mesh.index(of: rank, along: axis) == 0 ? 2 : -1 / others)
    }
    return HostArray(part.element, part.shape, part.doubles.map { $0 * weight })
  }
}
