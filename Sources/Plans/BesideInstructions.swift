import DeepEPTensors

extension [Instruction] {
  /// The same instructions, with collectives that go on beside those that follow, until one touches what
  /// they read or write.
  ///
  /// A collective that the next instruction waits for has nothing beside it, and runs as others do.
  func withCollectivesBeside() -> [Instruction] {
    var result = self
    var running: [Int] = []
    for index in indices {
      let touched = running.filter { self[index].touches(self[$0]) }
      running.removeAll { touched.contains($0) }
      result[index].waits = touched.filter { $0 < index - 1 }
      for other in result[index].waits { result[other].isBeside = true }
      if self[index].operation is any Collective { running.append(index) }
    }
    // When all else has run, what still goes on is waited for; the last instruction has nothing beside it.
    for index in running where index < count - 1 { result[index].isBeside = true }
    return result
  }
}

extension Instruction {
  /// Whether it reads or writes what an earlier one writes, or writes what that one reads.
  fileprivate func touches(_ earlier: Instruction) -> Bool {
    let written = results + [workspace].compactMap { $0 }
    return written.contains { place in
      (earlier.operands + earlier.results).contains { $0.overlaps(place) }
    } || operands.contains { place in earlier.results.contains { $0.overlaps(place) } }
  }
}

extension Placement {
  fileprivate func overlaps(_ other: Placement) -> Bool {
    arena == other.arena && offsetBytes < other.offsetBytes + other.byteCount
      && other.offsetBytes < offsetBytes + byteCount
  }
}
