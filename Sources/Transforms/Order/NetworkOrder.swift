import DeepEPTensors

/// How an order changes where ranks exchange bytes beside compute.
extension Instructions {
  /// An order in which exchanges have something beside them: parameters are gathered ahead, gradients are exchanged
  /// as soon as they are there, and what follows from that waits until backward has ended, and comes in the order in
  /// which they will be there.
  func besideNetwork(_ order: [Int], _ graph: Graph) -> [Int] {
    let isLate = followsExchange(order, graph)
    let early = exchangingEarly(order.filter { !isLate[$0] }, graph)
    return gatheringAhead(early + asExchanged(order.filter { isLate[$0] }, after: early), graph)
  }

  /// What follows from exchanges that begin first comes first.
  private func asExchanged(_ late: [Int], after early: [Int]) -> [Int] {
    var times = Array(repeating: 0, count: all.count)
    for (time, index) in early.enumerated() { times[index] = time }
    for index in late { times[index] = all[index].before.map { times[$0] }.max() ?? 0 }
    let places = late.indices.sorted { (times[late[$0]], $0) < (times[late[$1]], $1) }
    return places.map { late[$0] }
  }

  private func node(_ index: Int, _ graph: Graph) -> Node { graph.nodes[all[index].node] }

  /// For each instruction whether it follows from exchanged gradients.
  private func followsExchange(_ order: [Int], _ graph: Graph) -> [Bool] {
    let isExchange = all.indices.map { index in
      let node = node(index, graph)
      return node.operation is any Collective && node.origin.phase == .update
    }
    var isLate = Array(repeating: false, count: all.count)
    for index in order {
      isLate[index] = all[index].before.contains { isExchange[$0] || isLate[$0] }
    }
    return isLate
  }

  /// What makes exchanges of gradients comes as soon as it can, all else in its order.
  private func exchangingEarly(_ order: [Int], _ graph: Graph) -> [Int] {
    var followers: [Int: [Int]] = [:]
    for index in order where node(index, graph).origin.phase == .update {
      for before in all[index].before { followers[before, default: []].append(index) }
    }
    var (result, isDone) = ([Int](), Array(repeating: false, count: all.count))
    func write(_ index: Int) {
      guard !isDone[index] else { return }
      isDone[index] = true
      result.append(index)
      for next in followers[index] ?? [] where all[next].before.allSatisfy({ isDone[$0] }) {
        write(next)
      }
    }
    order.forEach(write)
    return result
  }

  /// Each parameter is gathered while others are used, as soon as those that wait for their use leave room.
  private func gatheringAhead(_ order: [Int], _ graph: Graph) -> [Int] {
    var ahead = GathersAhead(
      order.filter {
        node($0, graph).operation is AllGather && node($0, graph).origin.phase != .update
      }
      .map { gather in (gather, all[gather].makes.reduce(0) { $0 + values[$1].byteCount }) })
    var (result, isDone) = ([Int](), Array(repeating: false, count: all.count))
    for index in order where !isDone[index] {
      let begun = ahead.begin(before: index) { all[$0].before.allSatisfy { isDone[$0] } }
      for next in begun + [index] where !isDone[next] {
        result.append(next)
        isDone[next] = true
      }
      ahead.use(all[index].before)
    }
    return result
  }
}

/// The gathers that have begun and whose results nobody has used yet.
private struct GathersAhead {
  private var waiting: ArraySlice<(gather: Int, byteCount: Int)>
  private var unused: [Int: Int] = [:]
  /// As much as the two largest take: one is under way while another is used.
  private let byteLimit: Int

  init(_ gathers: [(gather: Int, byteCount: Int)]) {
    waiting = gathers[...]
    byteLimit = 2 * (gathers.map(\.byteCount).max() ?? 0)
  }

  /// The gathers that begin now: those that can and fit, in their order, and the one that is due.
  mutating func begin(before due: Int, if canBegin: (Int) -> Bool) -> [Int] {
    var begun: [Int] = []
    while let next = waiting.first {
      let total = unused.values.reduce(0, +) + next.byteCount
      guard next.gather == due || (total <= byteLimit && canBegin(next.gather)) else { break }
      waiting.removeFirst()
      unused[next.gather] = next.byteCount
      begun.append(next.gather)
    }
    return begun
  }

  /// Notes what an instruction reads.
  mutating func use(_ gathers: [Int]) {
    for gather in gathers { unused[gather] = nil }
  }
}
