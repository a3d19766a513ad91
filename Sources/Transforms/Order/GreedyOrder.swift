/// Orders that choose among the instructions that are ready.
extension Instructions {
  /// Values smaller than this cost nothing: updates wait for numbers such as the learning rate.
  private static let pageBytes = 4096

  /// The best order found: the best that there is if there are few instructions.
  ///
  /// Of orders with the same peak, to a thousandth, the one with fewer bytes in use on the average is
  /// better: memory that was used a moment ago is in the cache.
  func bestOrder() -> [Int] {
    let orders = [
      order { _, _ in 0 },
      order { _, growth in growth },
      order { _, growth in min(growth, Self.pageBytes) },
      order { index, growth in growth + all[index].slotBytes },
      backwardOrder(),
    ]
    let usages = orders.map { usage($0) }
    let peaks = usages.map { $0.max() ?? 0 }
    let least = peaks.min() ?? 0
    let good = orders.indices.filter { peaks[$0] <= least + least / 1000 }
    let best = good.min { usages[$0].reduce(0, +) < usages[$1].reduce(0, +) }
    return improved(best.map { orders[$0] } ?? [])
  }

  /// Of the instructions that are ready, the one with the lowest score comes next, in a tie the first.
  ///
  /// - Parameter score: From an instruction and the bytes that it would add to those alive.
  private func order(by score: (Int, Int) -> Int) -> [Int] {
    var waiting = all.map(\.before.count)
    var growth = all.indices.map { self.growth($0) }
    var remaining = values.map(\.readerCount)
    var ready = waiting.indices.filter { waiting[$0] == 0 }
    let (users, readers) = (users, readers)
    var order: [Int] = []
    while let next = ready.indices.min(by: {
      (score(ready[$0], growth[ready[$0]]), ready[$0])
        < (score(ready[$1], growth[ready[$1]]), ready[$1])
    }) {
      let index = ready.remove(at: next)
      order.append(index)
      for place in all[index].reads {
        remaining[place] -= 1
        guard remaining[place] == 1, !values[place].isKept else { continue }
        // Whoever reads it last will free it.
        for reader in readers[place] { growth[reader] -= values[place].byteCount }
      }
      for user in users[index] {
        waiting[user] -= 1
        if waiting[user] == 0 { ready.append(user) }
      }
    }
    return order
  }

  /// The bytes that an instruction adds to those alive if nothing else has run.
  private func growth(_ index: Int) -> Int {
    let lasting = all[index].makes.filter { values[$0].isKept || values[$0].readerCount > 0 }
    let freed = all[index].reads.filter { values[$0].readerCount == 1 && !values[$0].isKept }
    return lasting.reduce(0) { $0 + values[$1].byteCount }
      - freed.reduce(0) { $0 + values[$1].byteCount }
  }

  /// From the end to the start: of the instructions that nothing waits for, the one that comes last is
  /// the one before which the fewest bytes are alive.
  private func backwardOrder() -> [Int] {
    let users = users
    var waiting = users.map(\.count)
    var isAlive = values.map(\.isKept)
    var ready = waiting.indices.filter { waiting[$0] == 0 }
    var order: [Int] = []
    let growth = { (index: Int, isAlive: [Bool]) in
      all[index].reads.reduce(0) { $0 + (isAlive[$1] ? 0 : values[$1].byteCount) }
        - all[index].makes.reduce(0) { $0 + (isAlive[$1] ? values[$1].byteCount : 0) }
    }
    while let next = ready.indices.min(by: {
      (growth(ready[$0], isAlive), -ready[$0]) < (growth(ready[$1], isAlive), -ready[$1])
    }) {
      let index = ready.remove(at: next)
      order.append(index)
      for place in all[index].reads { isAlive[place] = true }
      for other in all[index].before {
        waiting[other] -= 1
        if waiting[other] == 0 { ready.append(other) }
      }
    }
    return order.reversed()
  }

  /// For each instruction those that come after it.
  private var users: [[Int]] {
    var users = [[Int]](repeating: [], count: all.count)
    for (index, instruction) in all.enumerated() {
      for other in instruction.before { users[other].append(index) }
    }
    return users
  }

  /// For each value the instructions that read it.
  private var readers: [[Int]] {
    var readers = [[Int]](repeating: [], count: values.count)
    for (index, instruction) in all.enumerated() {
      for place in instruction.reads { readers[place].append(index) }
    }
    return readers
  }
}
