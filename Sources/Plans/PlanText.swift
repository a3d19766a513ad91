import DeepEPTensors

extension Plan {
  /// The plan for people: memory, then each instruction with its place, work and expected time.
  package func text(entry: EntryName? = nil) -> String {
    let header = """
      state \(stateBytes) bytes, values \(valueBytes) bytes, peak \(peakBytes) bytes

      """
    let all = segments.filter { entry == nil || $0.name == entry }
    return header + all.map(\.text).joined()
  }
}

extension Segment {
  fileprivate var text: String {
    let total = """
      entry \(name.rawValue): \(instructions.count) instructions, \(valueBytes) bytes of values (\(liveBytes) in use at once), \
      \(Int(flops)) flops, expected \(Int(predictedSeconds * 1e6)) us

      """
    return total + instructions.map { "  \($0.text)\n" }.joined()
  }
}

extension Instruction {
  fileprivate var text: String {
    let results = zip(resultTypes, results).map { "\($0) @\($1.text)" }.joined(separator: ", ")
    let sources = operands.map { "@\($0.text)" }.joined(separator: ", ")
    let shared = overwrites.isEmpty ? "" : " in place"
    let scratch = workspace.map { " workspace @\($0.text)" } ?? ""
    return "\(results) = \(kernel)(\(sources))\(shared)\(scratch)"
      + " // \(origin.phase.rawValue) \(origin.path)"
  }
}

extension Placement {
  fileprivate var text: String { "\(arena.rawValue)+\(offsetBytes)" }
}
