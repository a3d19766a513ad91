import DeepEPCompute
import DeepEPElements
import DeepEPLaws
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// What a plan says about memory, checked by replaying its instructions alone.
@Suite struct PlanLawTests {
  private func program(_ seed: UInt64) throws -> Program {
    let random = RandomProgram(seed: seed, operations: 6 + Int(seed % 25), element: .float32)
    return try random.program.applying(Program.lowering)
  }

  private func plan(_ seed: UInt64) throws -> Plan {
    try Plan(program(seed), for: MachineTable.twoCores)
  }

  @Test func whatAnInstructionReadsIsWhatWasWrittenForIt() throws {
    for seed in 0..<200 as Range<UInt64> {
      let program = try program(seed)
      let plan = try Plan(program, for: MachineTable.twoCores)
      for index in program.entries.indices {
        var replay = Replay(plan, of: program, entry: index)
        #expect(replay.problems() == [], "seed \(seed)")
      }
    }
  }

  @Test(arguments: Optimization.allCases)
  func instructionsReadTheRightMemoryWithout(_ optimization: Optimization) throws {
    let optimizations = Set.all(but: optimization)
    for seed in 0..<40 as Range<UInt64> {
      let random = RandomProgram(seed: seed, operations: 6 + Int(seed % 25), element: .float32)
      let program = try random.program.applying(Program.lowering(Strategy(), optimizations))
      let plan = try Plan(program, for: MachineTable.twoCores, optimizations)
      for index in program.entries.indices {
        var replay = Replay(plan, of: program, entry: index)
        #expect(replay.problems() == [], "seed \(seed)")
      }
    }
  }

  @Test func placementsAreAlignedAndInsideTheirArena() throws {
    for seed in 0..<200 as Range<UInt64> {
      let plan = try plan(seed)
      let all = plan.placements
      #expect(all.allSatisfy { $0.offsetBytes % 64 == 0 }, "seed \(seed)")
      for (arena, byteCount) in [(Arena.values, plan.valueBytes), (.state, plan.stateBytes)] {
        let ends = all.filter { $0.arena == arena }.map {
          ($0.offsetBytes + $0.byteCount + 63) / 64 * 64
        }
        #expect(ends.allSatisfy { $0 <= byteCount }, "seed \(seed)")
        #expect(arena == .state || (ends.max() ?? 0) == byteCount, "seed \(seed)")
      }
      #expect(plan.peakBytes == plan.stateBytes + plan.valueBytes)
    }
  }

  @Test func slotsDoNotOverlap() throws {
    for seed in 0..<200 as Range<UInt64> {
      let slots = try plan(seed).slots.map(\.placement)
      for (index, slot) in slots.enumerated() {
        #expect(!slots[..<index].contains { $0.overlaps(slot) }, "seed \(seed)")
      }
    }
  }

  /// The square, its argument and the product are alive at once; the exponential replaces the product.
  @Test func aChainNeedsTheMemoryOfItsWidestPlace() throws {
    let text = """
      entry step
        argument x : float32[1024]
        %0 = input() {"index":0,"type":"float32[1024]"} : float32[1024]
        %1 = dot(%0, %0) {"labels":"a,b->ab"} : float32[1024, 1024]
        %2 = dot(%1, %0) {"labels":"ab,b->a"} : float32[1024]
        %3 = exponential(%2) : float32[1024]
        return y %3
      """
    let plan = try Plan(Program(text: text).applying(Program.lowering), for: MachineTable.twoCores)
    #expect(plan.peakBytes == 1024 * 1024 * 4 + 2 * 4096)
  }
}

extension Placement {
  /// Whether two placements share a byte.
  func overlaps(_ other: Placement) -> Bool {
    arena == other.arena && offsetBytes < other.offsetBytes + other.byteCount
      && other.offsetBytes < offsetBytes + byteCount
  }
}

extension Plan {
  /// Every placement that the plan mentions.
  var placements: [Placement] {
    let named = slots + segments.flatMap { $0.inputs + $0.results }
    let instructions = segments.flatMap(\.instructions)
    return named.map(\.placement)
      + instructions.flatMap { $0.operands + $0.results + [$0.workspace].compactMap { $0 } }
  }
}
