/// What a failure says of the ranks.
enum JobReport {
  /// How many operations of a rank a failure lists.
  static var operationCount: Int { 3 }
  /// How many lines it has at most: with their longest texts they fit into a message.
  static var lineCount: Int { 96 }
  /// For how many ranks a rank says at its end that it has waited.
  static var stragglerCount: Int { 1024 }
}

extension Membership {
  /// The last operations of a rank, a line each, for ``CommunicationError/lastOperations``.
  func lastOperations(of rank: Int, _ records: [OperationRecord]) -> [String] {
    guard !records.isEmpty else { return ["\(name(of: rank)): no operation yet"] }
    return records.suffix(JobReport.operationCount).map { "\(name(of: rank)): \($0.text)" }
  }

  /// The last operations of all ranks; of each only the very last one where all would not fit.
  func lastOperations(_ records: (Int) -> [OperationRecord]) -> [String] {
    let fits = rankCount * JobReport.operationCount <= JobReport.lineCount
    return (0..<rankCount).flatMap { rank in
      lastOperations(of: rank, records(rank).suffix(fits ? JobReport.operationCount : 1))
    }
  }
}

extension CommunicationError {
  /// The lines of a report that fit into a message.
  var reportedLines: [String] {
    guard lastOperations.count > JobReport.lineCount else { return lastOperations }
    let kept = JobReport.lineCount - 1
    return lastOperations.prefix(kept) + ["and \(lastOperations.count - kept) more"]
  }
}
