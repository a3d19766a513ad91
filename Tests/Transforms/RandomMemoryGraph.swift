import DeepEPElements
import DeepEPLaws
import DeepEPTensors

/// A graph of 6 to 25 nodes that make values of many sizes out of one another, and what its orders cost.
struct RandomMemoryGraph {
  /// For each node those whose values it reads.
  private var operands: [[Int]] = []
  /// For each node the elements of its value: no two alike, and whole cache lines.
  private var sizes: [Int] = []
  private let results: Set<Int>

  init(seed: UInt64) {
    var random = RandomSource(seed: seed &+ 31)
    let count = 6 + random.below(20)
    let reach = 2 + random.below(4)
    for index in 0..<count {
      let near = Array(max(0, index - reach)..<index)
      var chosen: [Int] = []
      for other in near where random.once(in: 2) { chosen.append(other) }
      operands.append(chosen)
      sizes.append(16 * ((1 + random.below(40)) * 32 + index))
    }
    let used = Set(operands.joined())
    results = Set((0..<count).filter { !used.contains($0) })
  }

  /// The graph as a program whose nodes are told apart by their sizes.
  func program() throws -> Program {
    var graph = Graph()
    var values: [Value] = []
    for (index, own) in operands.enumerated() {
      let type = Type(.float32, [sizes[index]])
      let node = Node(
        Blend(size: sizes[index]), own.map { values[$0] }, types: [type], origin: Origin())
      values.append(Value(node: graph.append(node)))
    }
    var entry = Entry(name: .step, inputs: [], graph: graph)
    entry.results = results.sorted().map { EntryResult(name: "r\($0)", value: values[$0]) }
    return Program(entries: [entry])
  }

  /// Which node of the random graph a node is.
  func number(of node: Node) -> Int? { sizes.firstIndex(of: node.types[0].elementCount) }

  /// The most bytes in use at once.
  func peak(of order: [Int]) -> Int {
    var (done, peak) = (0 as UInt32, 0)
    for node in order {
      peak = max(peak, use(node, after: done))
      done |= 1 << node
    }
    return peak
  }

  /// The lowest peak of all orders.
  func leastPeak() -> Int {
    var peaks: [UInt32: Int] = [0: 0]
    for _ in operands.indices {
      var next: [UInt32: Int] = [:]
      for (done, peak) in peaks {
        for node in operands.indices where done & (1 << node) == 0 {
          guard operands[node].allSatisfy({ done & (1 << $0) != 0 }) else { continue }
          let now = done | 1 << node
          next[now] = min(next[now] ?? .max, max(peak, use(node, after: done)))
        }
      }
      peaks = next
    }
    return peaks.values.first ?? 0
  }

  /// The bytes in use while a node runs after others: what was made and is still to be read, and its own.
  private func use(_ node: Int, after done: UInt32) -> Int {
    operands.indices.reduce(4 * sizes[node]) { total, other in
      guard done & (1 << other) != 0 else { return total }
      let isRead = operands.indices.contains {
        done & (1 << $0) == 0 && operands[$0].contains(other)
      }
      return total + (isRead || results.contains(other) ? 4 * sizes[other] : 0)
    }
  }
}

/// A vector out of any number of others: only its size counts.
private struct Blend: Operation {
  var size: Int
  var name: String { "blend" }

  func resultTypes(of operands: [Type]) -> [Type] { [Type(.float32, [size])] }
  func factors(operands: [Type], results: [Type]) -> Factors {
    .alone(operands: operands, results: results)
  }
  func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    types.map { HostArray($0.element, $0.shape, Array(repeating: 0, count: $0.elementCount)) }
  }
}
