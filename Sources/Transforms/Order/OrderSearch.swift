/// The search for an order of a few instructions in which fewer bytes are in use at once.
///
/// It walks the sets of instructions that may have run, each at most once; what is alive depends on the
/// set alone. An instruction that can run without exceeding the limit and leaves no more alive than
/// before is never worse now than later: then it is the only one that is tried.
struct OrderSearch {
  private struct Item {
    var before: UInt64 = 0
    /// For each value that dies among the instructions, their readers of it.
    var dying: [(readers: UInt64, byteCount: Int)] = []
    /// The bytes of results, and of those that outlive the instruction.
    var made = 0
    var lasting = 0
  }

  private let instructions: Instructions
  private let window: [Int]
  private var items: [Item] = []
  private var readers: [Instructions.Place: UInt64] = [:]
  private let startBytes: Int
  private var visited: Set<UInt64> = []
  private var found: [Int] = []
  /// What is in use at once must stay below this.
  private var limit = 0
  private let stateLimit: Int

  /// - Parameters:
  ///   - window: At most 64 instructions that follow one another.
  ///   - usage: The memory in use before them.
  ///   - stateLimit: The most sets that are looked at.
  init(
    _ instructions: Instructions, _ window: [Int], after usage: Instructions.Usage, stateLimit: Int
  ) {
    self.instructions = instructions
    self.window = window
    self.stateLimit = stateLimit
    startBytes = usage.byteCount
    for (position, index) in window.enumerated() {
      for place in instructions.all[index].reads { readers[place, default: 0] |= 1 << position }
    }
    // Values that are read later, too, do not die here.
    readers = readers.filter { place, mask in
      usage.remaining[place] == mask.nonzeroBitCount && !instructions.values[place].isKept
    }
    items = window.map { item($0) }
  }

  private func item(_ index: Int) -> Item {
    let instruction = instructions.all[index]
    var item = Item()
    for (position, other) in window.enumerated() where instruction.before.contains(other) {
      item.before |= 1 << position
    }
    item.dying = instruction.reads.compactMap { place in
      readers[place].map { ($0, instructions.values[place].byteCount) }
    }
    for place in instruction.makes {
      let value = instructions.values[place]
      item.made += value.byteCount
      if value.isKept || value.readerCount > 0 { item.lasting += value.byteCount }
    }
    return item
  }

  /// An order in which fewer bytes than a limit are in use at once; nil if there is none, or none was
  /// found among the sets that are looked at.
  mutating func order(below limit: Int) -> [Int]? {
    self.limit = limit
    visited = []
    found = []
    return search(0, startBytes) ? found.reversed().map { window[$0] } : nil
  }

  private mutating func search(_ done: UInt64, _ byteCount: Int) -> Bool {
    if done.nonzeroBitCount == window.count { return true }
    guard visited.count < stateLimit, visited.insert(done).inserted else { return false }
    var choices: [(growth: Int, position: Int)] = []
    for (position, item) in items.enumerated()
    where done & (1 << position) == 0 && item.before & ~done == 0 {
      let now = done | 1 << position
      guard peak(position, now, byteCount) < limit else { continue }
      let freed = item.dying.reduce(0) { $0 + ($1.readers & ~now == 0 ? $1.byteCount : 0) }
      let growth = item.lasting - freed
      if growth <= 0 { return follow(position, now, byteCount + growth) }
      choices.append((growth, position))
    }
    choices.sort { $0 < $1 }
    for (growth, position) in choices {
      if follow(position, done | 1 << position, byteCount + growth) { return true }
    }
    return false
  }

  private mutating func follow(_ position: Int, _ done: UInt64, _ byteCount: Int) -> Bool {
    guard search(done, byteCount) else { return false }
    found.append(position)
    return true
  }

  /// The bytes in use while an instruction runs.
  private func peak(_ position: Int, _ now: UInt64, _ byteCount: Int) -> Int {
    let reused = instructions.reusedBytes(window[position]) { place in
      readers[place].map { $0 & ~now == 0 } ?? false
    }
    let workspace = instructions.all[window[position]].workspaceBytes
    return byteCount + items[position].made + workspace - reused
  }
}

extension Instructions {
  /// Orders of up to this many instructions are searched whole; the best is found if there are up to 25.
  private static let wholeLimit = 40
  /// The number of instructions around a peak that are searched.
  private static let windowCount = 20

  /// An order with a lower peak, if one is found.
  func improved(_ order: [Int]) -> [Int] {
    if order.count <= Self.wholeLimit {
      return lowered(order, in: order.indices, stateLimit: order.count <= 25 ? 1 << 22 : 1 << 13)
    }
    var best = order
    for _ in 0..<32 {
      let usage = usage(best)
      guard let peak = usage.max(), let position = usage.firstIndex(of: peak) else { return best }
      let half = Self.windowCount / 2
      let range = max(0, position - half)..<min(best.count, position + half)
      let other = lowered(best, in: range, stateLimit: 1 << 10)
      if other == best { return best }
      best = other
    }
    return best
  }

  /// The order with some instructions arranged anew so that no more bytes than can be are in use at
  /// once while they run.
  private func lowered(_ order: [Int], in range: Range<Int>, stateLimit: Int) -> [Int] {
    var start = Usage(self)
    for index in order[..<range.lowerBound] { _ = start.run(index) }
    var search = OrderSearch(self, Array(order[range]), after: start, stateLimit: stateLimit)
    var best = order
    while true {
      var usage = start
      let peak = best[range].map { usage.run($0) }.max() ?? 0
      guard peak > leastPeak(best[range]), let other = search.order(below: peak) else {
        return best
      }
      best.replaceSubrange(range, with: other)
    }
  }

  /// What some instruction needs whatever the order is.
  private func leastPeak(_ window: ArraySlice<Int>) -> Int {
    window.map { index in
      let all = (all[index].reads + all[index].makes).reduce(0) { $0 + values[$1].byteCount }
      return all + self.all[index].workspaceBytes - reusedBytes(index) { _ in true }
    }.max() ?? 0
  }
}
