/// What the ledger of a job knows of a rank.
struct LedgerRank: Sendable {
  /// Nil until it has joined.
  var member: Membership.Member?
  /// Where its process was started, if its parent has said so.
  var place: Membership.Member?
  var isConnected = false
  /// Whether it has ended in good order.
  var hasLeft = false
  /// For whom it has waited, once it has left.
  var stragglers: [Straggler] = []
  /// How its process has ended, if its parent has seen that.
  var exit: ExitStatus?
  /// When it was heard last.
  var heardSeconds = 0.0
  /// Its last operations, and when they came.
  var records: [OperationRecord] = []
  var recordsSeconds = 0.0
  /// What its threads wait for.
  var waits = WaitHistory()
  /// Whether its last operations have come since they were collected.
  var hasReported = false
}
