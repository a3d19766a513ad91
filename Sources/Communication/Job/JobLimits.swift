/// What bounds the memory and the time of a job's control.
package struct JobLimits: Hashable, Sendable {
  /// The most bytes that a rank gives in an exchange.
  package static var exchangeBytes: Int { 4096 }
  /// The most ranks of a job.
  package static var rankCount: Int { 8192 }
  /// How often a job starts again at most.
  package static var restartCount: Int { 1_000_000 }
  /// The most bytes of a message that a member of the job sends.
  package static var frameBytes: Int { 64 << 10 }
  /// The most bytes of the first message, which a stranger may send.
  package static var firstFrameBytes: Int { 1024 }
  /// The most connections that have not said who they are, beside those of ranks that are still to come.
  package static var strangerCount: Int { 128 }
  /// Why the hub refuses somebody who may come again.
  static var crowded: String { "too many connections that do not say who they are" }
  /// The most bytes that wait for a rank which does not read.
  static var outputBytes: Int { 64 << 20 }

  /// How often ranks and hub say that they live.
  package var heartbeatSeconds = 0.05
  /// How long one may be silent.
  ///
  /// Its own heartbeats come from a thread with nothing else to do, so
  /// a process that is only slow is never silent for so long.
  package var silenceSeconds = 2.5
  /// How long all ranks may wait at the same time without anything moving.
  package var restSeconds = 2.0
  /// How long ranks wait for the others to join.
  package var joinSeconds = 120.0
  /// How long a stranger may take to say who it is.
  package var helloSeconds = 5.0
  /// How long a failure waits for the last operations of the ranks, and for a better reason; those of the
  /// last heartbeat have to do for a rank that does not answer.
  package var reportSeconds = 0.02
  /// How long it waits at least, since the exit of a process is seen after its connection ends.
  package var settleSeconds = 0.01

  /// The limits of every job; tests shorten them.
  package init() {}
}
