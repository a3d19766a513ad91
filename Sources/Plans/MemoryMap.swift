import DeepEPTensors

/// What lies where in memory, and when, while an entry runs.
package struct MemoryMap: Sendable {
  /// A value, from the instruction that makes it to the last one that reads it.
  package struct Block: Hashable, Sendable {
    /// What people call it: the kernel that made it, or the name of an input.
    package var name: String
    /// Where it comes from.
    package var origin: Origin
    package var placement: Placement
    /// The instructions during which it is there.
    package var instructions: ClosedRange<Int>
    /// Whether a kernel only works in it.
    package var isWorkspace = false
  }

  /// The entry.
  package var entry: EntryName
  /// The bytes that slots take, beside those of values.
  package var stateBytes: Int
  /// The bytes of values that the entry needs.
  package var valueBytes: Int
  /// The number of instructions.
  package var instructionCount: Int
  /// The values, in the order in which they are made.
  package private(set) var blocks: [Block] = []
  /// The bytes of values in use while each instruction runs.
  package private(set) var usage: [Int] = []

  /// Follows an entry of a plan; nil if the plan has no such entry, or nothing runs in it.
  package init?(_ plan: Plan, _ entry: EntryName) {
    guard let segment = plan.segment(entry), !segment.instructions.isEmpty else { return nil }
    self.entry = entry
    (stateBytes, valueBytes) = (plan.stateBytes, segment.valueBytes)
    instructionCount = segment.instructions.count
    var walk = Walk()
    for input in segment.inputs { walk.make(input.name, Origin(), input.placement, at: 0) }
    for (index, instruction) in segment.instructions.enumerated() {
      walk.visit(instruction, at: index)
    }
    for result in segment.results { walk.use(result.placement, at: instructionCount - 1) }
    blocks = walk.blocks
    addUp()
  }

  /// The instruction while which most bytes are in use.
  package var peakInstruction: Int {
    usage.indices.max { usage[$0] < usage[$1] } ?? 0
  }

  private mutating func addUp() {
    var changes = [Int](repeating: 0, count: instructionCount + 1)
    for block in blocks {
      changes[block.instructions.lowerBound] += block.placement.byteCount
      changes[block.instructions.upperBound + 1] -= block.placement.byteCount
    }
    var bytes = 0
    usage = changes.dropLast().map { change in
      bytes += change
      return bytes
    }
  }
}

/// Goes through instructions and finds which value lies at a place now.
private struct Walk {
  private(set) var blocks: [MemoryMap.Block] = []
  /// The blocks that may still be read, by the place where they begin.
  private var present: [Int: Int] = [:]

  mutating func visit(_ instruction: Instruction, at index: Int) {
    for operand in instruction.operands { use(operand, at: index) }
    if let workspace = instruction.workspace {
      blocks.append(
        MemoryMap.Block(
          name: instruction.kernel, origin: instruction.origin, placement: workspace,
          instructions: index...index, isWorkspace: true))
    }
    for result in instruction.results where result.arena == .values && result.byteCount > 0 {
      make(instruction.kernel, instruction.origin, result, at: index)
    }
  }

  mutating func use(_ place: Placement, at index: Int) {
    guard place.arena == .values, let block = present[place.offsetBytes] else { return }
    blocks[block].instructions = blocks[block].instructions.lowerBound...index
  }

  /// A value that overwrites another one begins where that one ends.
  mutating func make(_ name: String, _ origin: Origin, _ place: Placement, at index: Int) {
    if let old = present[place.offsetBytes], blocks[old].instructions.upperBound == index,
      blocks[old].instructions.lowerBound < index
    {
      blocks[old].instructions = blocks[old].instructions.lowerBound...(index - 1)
    }
    present[place.offsetBytes] = blocks.count
    blocks.append(
      MemoryMap.Block(
        name: name, origin: origin, placement: place, instructions: index...index))
  }
}
