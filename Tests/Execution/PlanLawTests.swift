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

  /// Rows are added to a slot, and a box of it is replaced, where it lies.
  @Test func scattersAndBoxesAreWrittenInPlace() throws {
    let attributes =
      #"{"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":true,"kind":"parameter"}"#
    let text = """
      slot t : float32[64, 8] \(attributes)
      slot b : float32[64, 8] \(attributes)
      entry step
        argument i : int32[3]
        argument u : float32[3, 8]
        argument n : int32[]
        %0 = input() {"index":0,"type":"int32[3]"} : int32[3]
        %1 = input() {"index":1,"type":"float32[3, 8]"} : float32[3, 8]
        %2 = input() {"index":2,"type":"int32[]"} : int32[]
        %3 = read() {"slot":0,"type":"float32[64, 8]"} : float32[64, 8]
        %4 = read() {"slot":1,"type":"float32[64, 8]"} : float32[64, 8]
        %5 = scatterAdd(%3, %0, %1) : float32[64, 8]
        %6 = dynamicUpdateSlice(%4, %1, %2) {"dimensions":[0]} : float32[64, 8]
        update 0 %5
        update 1 %6
      """
    let plan = try Plan(Program(text: text).applying(Program.lowering), for: MachineTable.twoCores)
    #expect(plan.segments[0].instructions.map(\.overwrites) == [[0: 0], [0: 0]])
  }

  /// A row is read twice and then written, in a chunk of a batch, which has a dimension of one element.
  @Test func softmaxOfOneExampleIsWrittenInPlace() throws {
    let text = """
      entry step
        argument x : float32[1, 5, 8]
        argument w : float32[64, 8]
        %0 = input() {"index":0,"type":"float32[1, 5, 8]"} : float32[1, 5, 8]
        %1 = input() {"index":1,"type":"float32[64, 8]"} : float32[64, 8]
        %2 = dot(%0, %1) {"labels":"abc,dc->abd"} : float32[1, 5, 64]
        %3 = reduce(%2) {"dimensions":[2],"reduction":"maximum"} : float32[1, 5]
        %4 = broadcast(%3) {"dimensions":[0,1],"shape":[1, 5, 64]} : float32[1, 5, 64]
        %5 = subtract(%2, %4) : float32[1, 5, 64]
        %6 = exponential(%5) : float32[1, 5, 64]
        %7 = reduce(%6) {"dimensions":[2],"reduction":"sum"} : float32[1, 5]
        %8 = broadcast(%7) {"dimensions":[0,1],"shape":[1, 5, 64]} : float32[1, 5, 64]
        %9 = divide(%6, %8) : float32[1, 5, 64]
        return y %9
      """
    let plan = try Plan(Program(text: text).applying(Program.lowering), for: MachineTable.twoCores)
    #expect(plan.segments[0].instructions.map(\.overwrites) == [[:], [0: 0]])
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
