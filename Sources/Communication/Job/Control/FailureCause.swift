/// Why a job may have failed.
///
/// Within a moment several causes are seen; the best one is told.
package struct FailureCause: Hashable, Sendable {
  /// How much a cause explains; higher is better.
  package enum Weight: Int, Comparable {
    /// Somebody was not heard.
    case silence
    /// A rank says what went wrong, which may be that another was gone. It waits for the job's
    /// failure before it ends, so that its own end is not seen before.
    case report
    /// A connection ended: the process died, or its host, or the network.
    case disconnection
    /// A process ended badly, and its parent knows how.
    case exit

    package static func < (left: Weight, right: Weight) -> Bool { left.rawValue < right.rawValue }
  }

  package var weight: Weight
  /// The rank that is the cause, if one is.
  package var rank: Int?
  package var error: CommunicationError

  package init(weight: Weight, rank: Int?, error: CommunicationError) {
    (self.weight, self.rank, self.error) = (weight, rank, error)
  }
}
