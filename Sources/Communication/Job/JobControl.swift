/// What a rank has of its job beside the data: who takes part, what has failed, and a way to
/// exchange a few bytes while transports are set up.
///
/// Transports move data; the control of a job watches over them. Whoever waits for another rank looks at
/// ``failure`` while it waits, so that nobody waits for ever: a rank that died, was stopped or
/// cannot be reached is a failure of the job, on all ranks.
package protocol JobControl: AnyObject, Sendable {
  /// Who takes part.
  var membership: Membership { get }

  /// The last operations of this rank. Transports record here what they do.
  var recorder: FlightRecorder { get }

  /// Where transports note the operations of this rank.
  var log: CommunicationLog { get }

  /// Gives bytes to other ranks and gets theirs: names of files, numbers of ports. For set-up only.
  ///
  /// Collective over `ranks`: each of them calls it with the same name and ranks. Exchanges of one
  /// name and the same ranks are told apart by their order.
  ///
  /// - Parameters:
  ///   - bytes: at most ``JobLimits/exchangeBytes``.
  ///   - name: says what is exchanged: "arena".
  ///   - ranks: numbers of the job, ascending, this rank's among them.
  /// - Returns: the bytes of each of `ranks`, in their order.
  /// - Throws: the job's failure, or ``CommunicationError`` if a rank does not come in time.
  func exchange(_ bytes: [UInt8], as name: String, among ranks: [Int]) throws -> [[UInt8]]

  /// Ends the job: pending and later operations of all ranks throw.
  ///
  /// - Returns: the failure that all ranks get: the first one of the job, which may be another than
  ///   `error`, with the last operations of every rank.
  @discardableResult
  func fail(_ error: CommunicationError) -> CommunicationError

  /// Why the job has ended; nil while it goes on. Cheap: every turn of a wait may ask.
  var failure: CommunicationError? { get }

  /// Calls `body` once when the job fails, at once if it has; from any thread. It must not block: it
  /// wakes those who sleep in a wait.
  func onFailure(_ body: @escaping @Sendable () -> Void)

  /// Whether a rank has ended in good order and will not come to any operation.
  func hasLeft(_ rank: Int) -> Bool

  /// Why this rank was started, if it is not among the first of its job.
  var restart: Restart? { get }

  /// Tells the launcher from where the job can go on, in place of what it was told before.
  ///
  /// One rank tells it; the launcher makes use of it if it was asked to, and another one does not listen.
  func offer(_ point: RestartPoint)

  /// Ends this rank's part in good order: that its process goes away is no failure any more.
  ///
  /// The job's ``StragglerReport`` has what this rank has noted by then.
  ///
  /// On the rank that serves the others, where no `deepep launch` does, it returns when they have left too.
  func leave()
}

extension JobControl {
  /// Gives bytes to all ranks and gets theirs.
  package func exchange(_ bytes: [UInt8], as name: String) throws -> [[UInt8]] {
    try exchange(bytes, as: name, among: Array(0..<membership.rankCount))
  }

  /// Throws the job's failure, if there is one.
  package func check() throws {
    if let failure { throw failure }
  }

  /// The number of this rank in the job.
  package var rank: Int { membership.rank }

  /// The number of ranks of the job.
  package var rankCount: Int { membership.rankCount }
}
