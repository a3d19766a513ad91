import DeepEPPlans
import DeepEPTensors

/// Runs the instructions of a plan on stamps instead of numbers: each write leaves a new stamp on
/// the bytes that it covers, and each read must find the stamp of the node that the graph names.
///
/// A result may cover an operand's memory only where the instruction says that it overwrites it.
struct Replay {
  private let segment: Segment
  private let entry: Entry
  private var stamps: [Arena: [Int]] = [:]
  private var stampCount = 0
  private var known: [Value: Int] = [:]
  private var found: [String] = []

  /// Prepares to replay an entry of a fused and ordered program.
  init(_ plan: Plan, of program: Program, entry index: Int) {
    segment = plan.segments[index]
    entry = program.entries[index]
    stamps[.values] = Array(repeating: 0, count: plan.valueBytes / 4 + 1)
    stamps[.state] = Array(repeating: 0, count: plan.stateBytes / 4 + 1)
    for (index, node) in entry.graph.nodes.enumerated() {
      if let read = node.operation as? Read {
        known[Value(node: index)] = write(plan.slots[read.slot].placement)
      } else if let input = node.operation as? Input {
        known[Value(node: index)] = write(segment.inputs[input.index].placement)
      }
    }
  }

  /// What the plan gets wrong.
  mutating func problems() -> [String] {
    let nodes = entry.graph.nodes.indices.filter { isInstruction(entry.graph.nodes[$0].operation) }
    for (node, instruction) in zip(nodes, segment.instructions) { run(instruction, node) }
    // Copies of slots and inputs, which the graph does not have, come last.
    for copy in segment.instructions.dropFirst(nodes.count) { run(copy, nil) }
    for (result, placed) in zip(entry.results, segment.results) {
      let source = base(result.value)
      let isCopied = !isInstruction(entry.graph.nodes[source.node].operation)
      read(placed.placement, isCopied ? nil : source, "result \(result.name)")
    }
    return found
  }

  private func isInstruction(_ operation: any Operation) -> Bool {
    !(operation is Input || operation is Read || operation is Reshape)
  }

  /// The value whose memory a reshape shows.
  private func base(_ value: Value) -> Value {
    let node = entry.graph.nodes[value.node]
    return node.operation is Reshape ? base(node.operands[0]) : value
  }

  private mutating func run(_ instruction: Instruction, _ node: Int?) {
    let place = "instruction \(node.map { "%\($0)" } ?? "at the end")"
    let values = node.map { entry.graph.nodes[$0].operands.map { Optional(base($0)) } }
    for (index, operand) in instruction.operands.enumerated() {
      read(operand, values?[index], place)
    }
    let written = instruction.results + [instruction.workspace].compactMap { $0 }
    for (index, placement) in written.enumerated() {
      for (operand, source) in instruction.operands.enumerated() where placement.overlaps(source) {
        let isAllowed = instruction.overwrites[index] == operand && placement == source
        if !isAllowed { found.append("\(place) writes over its operand \(operand)") }
      }
      if written[..<index].contains(where: placement.overlaps) {
        found.append("results of \(place) overlap")
      }
      let stamp = write(placement)
      if let node { known[Value(node: node, result: index)] = stamp }
    }
  }

  private func words(_ placement: Placement) -> Range<Int> {
    placement.offsetBytes / 4..<(placement.offsetBytes + placement.byteCount + 3) / 4
  }

  private mutating func write(_ placement: Placement) -> Int {
    stampCount += 1
    for word in words(placement) { stamps[placement.arena]?[word] = stampCount }
    return stampCount
  }

  private mutating func read(_ placement: Placement, _ value: Value?, _ place: String) {
    let all = Set(stamps[placement.arena]?[words(placement)] ?? [])
    if all.count > 1 { found.append("\(place) reads \(all.count) values as one") }
    if let value, all != [known[value] ?? -1] {
      found.append("\(place) reads other numbers than those of \(value)")
    }
  }
}
