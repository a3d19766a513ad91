/// What a failure says of the ranks.
enum JobReport {
  /// How many operations of a rank a failure lists.
  static var operationCount: Int { 3 }
}

extension Membership {
  /// The last operations of a rank, a line each, for ``CommunicationError/lastOperations``.
  func lastOperations(of rank: Int, _ records: [OperationRecord]) -> [String] {
    guard !records.isEmpty else { return ["\(name(of: rank)): no operation yet"] }
    return records.suffix(JobReport.operationCount).map { "\(name(of: rank)): \($0.text)" }
  }
}
