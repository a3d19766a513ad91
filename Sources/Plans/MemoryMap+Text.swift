extension MemoryMap {
  /// The map for people: the peak, the largest values that are there then, and how much is in use on the way.
  package func text(count: Int = 12) -> String {
    let peak = peakInstruction
    let there = blocks.filter { $0.instructions.contains(peak) }
      .sorted { $0.placement.byteCount > $1.placement.byteCount }
    let head = """
      entry \(entry.rawValue): state \(stateBytes) bytes, values \(valueBytes) bytes, \
      \(usage[peak]) in use at instruction \(peak) of \(instructionCount)

      """
    return head + there.prefix(count).map { "  \($0.text)\n" }.joined() + curve
  }

  /// Rows of bars: the bytes of values in use along the instructions.
  private var curve: String {
    guard valueBytes > 0 else { return "" }
    let (columns, rows) = (min(72, instructionCount), 8)
    let heights = (0..<columns).map { column -> Int in
      let first = column * instructionCount / columns
      let end = max(first + 1, (column + 1) * instructionCount / columns)
      let most = usage[first..<min(end, instructionCount)].max() ?? 0
      return (most * rows + valueBytes - 1) / valueBytes
    }
    let lines = (0..<rows).reversed().map { row in
      "  │" + heights.map { $0 > row ? "█" : " " }.joined() + "\n"
    }
    return lines.joined() + "  └ bytes in use, instruction 0 to \(instructionCount - 1)\n"
  }
}

extension MemoryMap.Block {
  fileprivate var text: String {
    let kind = isWorkspace ? "workspace of " : ""
    let path = origin.path.isEmpty ? "" : " \(origin.path)"
    return "\(placement.byteCount) bytes @\(placement.offsetBytes), instructions "
      + "\(instructions.lowerBound) to \(instructions.upperBound): \(kind)\(name) // "
      + "\(origin.phase.rawValue)\(path)"
  }
}
