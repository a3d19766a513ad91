import DeepEPElements
import DeepEPLaws
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// What `order` and offsets say about memory, found again by trying everything.
@Suite struct MemoryLawTests {
  /// Plans of all orders of small fused programs, slots and operands that are overwritten included: none
  /// has fewer bytes in use at once than the one that `order` chose.
  @Test func noOrderOfAFusedProgramNeedsLess() throws {
    var count = 0
    for seed in 0..<400 as Range<UInt64> {
      let random = RandomProgram(seed: seed, operations: 4 + Int(seed % 9), element: .float32)
      let fused = try random.program.applying(Array(Program.lowering.dropLast()))
      let ordered = try Order(for: OverwritingTable()).apply(fused)
      for (index, entry) in ordered.entries.enumerated() {
        guard let orders = AllOrders(entry, limit: 300) else { continue }
        count += orders.all.count > 1 ? 1 : 0
        let chosen = try liveBytes(ordered, entry, index)
        for order in orders.all {
          let other = try liveBytes(ordered, orders.entry(order), index)
          #expect(other >= chosen, "seed \(seed), \(entry.name.rawValue): \(order)")
        }
      }
    }
    #expect(count > 20)
  }

  private func liveBytes(_ program: Program, _ entry: Entry, _ index: Int) throws -> Int {
    var program = program
    program.entries = [entry]
    return try Plan(program, for: OverwritingTable()).segments[0].liveBytes
  }

  /// No lifetimes need fewer bytes than are in use at once, and of random programs few need more.
  @Test func offsetsAreNearWhatIsInUse() throws {
    var (values, alive) = (0, 0)
    for seed in 0..<200 as Range<UInt64> {
      let random = RandomProgram(seed: seed, operations: 30, element: .float32)
      let program = try random.program.applying(Program.lowering)
      for segment in try Plan(program, for: MachineTable.twoCores).segments {
        #expect(segment.valueBytes >= segment.liveBytes, "seed \(seed)")
        values += segment.valueBytes
        alive += segment.liveBytes
      }
    }
    #expect(Double(values) <= 1.03 * Double(alive))
  }
}

/// A target on which regions and sums overwrite operands, as `order` expects, and contractions need more
/// memory while they run than their results take.
private struct OverwritingTable: Target {
  var links: Links { MachineTable.twoCores.links }

  func choice(for operation: any Operation, operands: [Type], results: [Type]) -> KernelChoice {
    var choice = MachineTable.twoCores.choice(
      for: operation, operands: operands, results: results)
    if operation is Contraction { choice.workspaceBytes = 3 * results[0].byteCount + 100 }
    return choice
  }
}

/// All orders of a small entry's nodes.
private struct AllOrders {
  private let source: Entry
  private(set) var all: [[Int]] = []

  /// Nil if there are more than a limit.
  init?(_ entry: Entry, limit: Int) {
    source = entry
    guard entry.graph.nodes.count <= 40, extend([], limit) else { return nil }
  }

  private mutating func extend(_ order: [Int], _ limit: Int) -> Bool {
    let nodes = source.graph.nodes
    if order.count == nodes.count { all.append(order) }
    guard all.count <= limit else { return false }
    let done = Set(order)
    let ready = nodes.indices.filter { index in
      !done.contains(index)
        && (nodes[index].operands.map(\.node) + nodes[index].controls).allSatisfy(
          done.contains)
    }
    // What takes no time does not make orders different.
    if let first = ready.first(where: { nodes[$0].operation.isPassive }) {
      return extend(order + [first], limit)
    }
    return ready.allSatisfy { extend(order + [$0], limit) }
  }

  /// The entry in an order.
  func entry(_ order: [Int]) -> Entry {
    var place = order
    for (position, index) in order.enumerated() { place[index] = position }
    let moved = { (value: Value) in Value(node: place[value.node], result: value.result) }
    var entry = source
    entry.graph = Graph()
    for index in order {
      var node = source.graph.nodes[index]
      node.operands = node.operands.map(moved)
      node.controls = node.controls.map { place[$0] }
      _ = entry.graph.append(node)
    }
    for index in entry.updates.indices {
      entry.updates[index].value = moved(entry.updates[index].value)
    }
    for index in entry.results.indices {
      entry.results[index].value = moved(entry.results[index].value)
    }
    for index in entry.checks.indices {
      entry.checks[index].value = moved(entry.checks[index].value)
    }
    return entry
  }
}

extension DeepEPTensors.Operation {
  fileprivate var isPassive: Bool { self is Input || self is Read || self is Reshape }
}
