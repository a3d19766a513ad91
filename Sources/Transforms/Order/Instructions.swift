import DeepEPTensors

/// The nodes of an entry that run, and the memory that they take and give: what a plan will do, as far
/// as it depends on the order alone.
///
/// Inputs are in memory from the start. The new value of a slot takes none if it can be written over the
/// old one. A result may take the memory of an operand that it is the last to read.
struct Instructions {
  /// A value in memory, by its place in ``Instructions/values``.
  typealias Place = Int

  /// What one instruction does.
  struct Instruction {
    /// The node.
    let node: Int
    /// The instructions that come before it.
    var before: [Int] = []
    /// The values that it reads.
    var reads: [Place] = []
    /// The values that it makes; those of slots are not among them.
    var makes: [Place] = []
    /// The bytes of the results that are written over the old values of slots.
    var slotBytes = 0
    /// The bytes that its kernel needs while it runs.
    var workspaceBytes = 0
    /// For each result that may take an operand's memory the operands that may give it.
    var reuses: [[Place]] = []
  }

  /// A value.
  struct MemoryValue {
    let byteCount: Int
    /// The number of instructions that read it.
    var readerCount = 0
    /// Whether it is needed when the entry ends.
    var isKept = false
  }

  private(set) var all: [Instruction] = []
  private(set) var values: [MemoryValue] = []
  /// The bytes of inputs.
  private(set) var inputBytes = 0
  private let graph: Graph
  /// For each node the instructions behind it: itself, or what a node that does not run shows.
  private var sources: [[Int]] = []
  private var places: [Value: Place] = [:]

  /// The instructions of an entry.
  ///
  /// - Parameters:
  ///   - controls: For each node further nodes that come before it.
  ///   - workspaces: For each node the bytes that its kernel needs while it runs.
  init(_ entry: Entry, _ controls: [[Int]], _ workspaces: [Int]) {
    graph = entry.graph
    let overwritable = graph.nodes.map { $0.overwritableOperands(entry.graph) }
    let claims = SlotClaims(entry, controls, overwritable)
    var count = 0
    for node in graph.nodes {
      let shown = (node.operands.map(\.node) + node.controls).flatMap { sources[$0] }
      sources.append(node.isInstruction ? [count] : Array(Set(shown)))
      count += node.isInstruction ? 1 : 0
    }
    for (index, node) in graph.nodes.enumerated() {
      if node.isInstruction {
        add(index, node, controls[index], claims, overwritable[index])
        all[all.count - 1].workspaceBytes = Alignment.rounded(workspaces[index])
      }
      if node.operation is Input { inputBytes += add(Value(node: index)) }
    }
    for root in entry.roots {
      if let place = places[graph.base(root)] { values[place].isKept = true }
    }
  }

  @discardableResult
  private mutating func add(_ value: Value) -> Int {
    places[value] = values.count
    let byteCount = Alignment.rounded(graph.type(of: value).byteCount)
    values.append(MemoryValue(byteCount: byteCount))
    return values[values.count - 1].byteCount
  }

  private mutating func add(
    _ index: Int, _ node: Node, _ controls: [Int], _ claims: SlotClaims,
    _ overwritable: [Int: [Int]]
  ) {
    var instruction = Instruction(node: index)
    let before = (node.operands.map(\.node) + node.controls + controls).flatMap { sources[$0] }
    instruction.before = Array(Set(before)).sorted()
    let operands = node.operands.map { graph.base($0) }
    instruction.reads = Array(Set(operands.compactMap { places[$0] })).sorted()
    for place in instruction.reads { values[place].readerCount += 1 }
    for result in node.types.indices {
      let value = Value(node: index, result: result)
      if claims.values.contains(value) {
        instruction.slotBytes += node.types[result].byteCount
        continue
      }
      instruction.makes.append(values.count)
      add(value)
      let givers = (overwritable[result] ?? []).map { operands[$0] }.filter { base in
        !(graph.nodes[base.node].operation is Input) && operands.count { $0 == base } == 1
      }
      let reuse = givers.compactMap { places[$0] }
      if !reuse.isEmpty { instruction.reuses.append(reuse) }
    }
    all.append(instruction)
  }

  /// All nodes, those that do not run as late as they can; inputs and slots come first.
  func nodes(in order: [Int]) -> [Int] {
    var result: [Int] = []
    var isDone = Array(repeating: false, count: graph.nodes.count)
    func write(_ index: Int) {
      guard !isDone[index] else { return }
      isDone[index] = true
      let node = graph.nodes[index]
      for other in node.operands.map(\.node) + node.controls { write(other) }
      result.append(index)
    }
    for (index, node) in graph.nodes.enumerated()
    where node.operation is Input || node.operation is Read {
      write(index)
    }
    for instruction in order { write(all[instruction].node) }
    graph.nodes.indices.forEach(write)
    return result
  }
}

extension Instructions {
  /// The memory in use while instructions run one after the other.
  struct Usage {
    private let instructions: Instructions
    /// For each value how many instructions have not read it.
    private(set) var remaining: [Int]
    /// The bytes that are alive.
    private(set) var byteCount: Int

    init(_ instructions: Instructions) {
      self.instructions = instructions
      remaining = instructions.values.map(\.readerCount)
      byteCount = instructions.inputBytes
    }

    /// Runs an instruction.
    ///
    /// - Returns: The bytes in use while it runs.
    mutating func run(_ index: Int) -> Int {
      let (instruction, values) = (instructions.all[index], instructions.values)
      for place in instruction.reads { remaining[place] -= 1 }
      let dying = instruction.reads.filter { remaining[$0] == 0 && !values[$0].isKept }
      let made = instruction.makes.reduce(0) { $0 + values[$1].byteCount }
      let reused = instructions.reusedBytes(index) { dying.contains($0) }
      let peak = byteCount + made + instruction.workspaceBytes - reused
      let unused = instruction.makes.filter { remaining[$0] == 0 && !values[$0].isKept }
      byteCount += made - (dying + unused).reduce(0) { $0 + values[$1].byteCount }
      return peak
    }
  }

  /// The bytes of results that take the memory of operands for which a condition holds.
  func reusedBytes(_ index: Int, where isDying: (Place) -> Bool) -> Int {
    var taken: [Place] = []
    for givers in all[index].reuses {
      if let giver = givers.first(where: { isDying($0) && !taken.contains($0) }) {
        taken.append(giver)
      }
    }
    return taken.reduce(0) { $0 + values[$1].byteCount }
  }

  /// The bytes in use while each instruction of an order runs.
  func usage(_ order: [Int]) -> [Int] {
    var usage = Usage(self)
    return order.map { usage.run($0) }
  }
}

/// The new values of slots that will be written over the old ones.
private struct SlotClaims {
  private(set) var values: Set<Value> = []

  init(_ entry: Entry, _ controls: [[Int]], _ overwritable: [[Int: [Int]]]) {
    let graph = entry.graph
    let (reads, users) = (graph.slotReads, graph.users)
    let roots = Set(entry.roots.map { graph.base($0).node })
    var seen: Set<Value> = []
    for update in entry.updates {
      let value = graph.base(update.value)
      let node = graph.nodes[value.node]
      guard node.isInstruction, seen.insert(value).inserted else { continue }
      let own = Set(reads[update.slot] ?? [])
      let operands = node.operands.indices.filter {
        own.contains(graph.base(node.operands[$0]).node)
      }
      let givers = overwritable[value.node][value.result] ?? []
      let waits = Set(controls[value.node]).union([value.node])
      let isLast = own.allSatisfy {
        !roots.contains($0) && graph.readers(of: $0, users).isSubset(of: waits)
      }
      if isLast, operands.count <= 1, operands.allSatisfy(givers.contains) { values.insert(value) }
    }
  }
}

extension Graph {
  /// The instructions that read a value, also through reshapes.
  fileprivate func readers(of node: Int, _ users: [[Int]]) -> Set<Int> {
    users[node].reduce(into: []) { readers, user in
      if nodes[user].operation is Reshape {
        readers.formUnion(self.readers(of: user, users))
      } else {
        readers.insert(user)
      }
    }
  }
}

extension Node {
  /// Whether something runs for it; inputs and slots are in memory, and reshapes show other values.
  var isInstruction: Bool {
    !(operation is Input || operation is Read || operation is Reshape)
  }

  /// For each result the operands whose memory it may take on any device.
  fileprivate func overwritableOperands(_ graph: Graph) -> [Int: [Int]] {
    switch operation {
    case let region as Region: region.overwritableOperands(graph.types(of: operands))
    case let contraction as Contraction: contraction.overwritableOperands
    case let collective as any Collective: collective.overwritableOperands
    default: [:]
    }
  }
}
