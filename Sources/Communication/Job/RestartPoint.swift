/// From where, and on how many ranks, a job could go on if one of its ranks died now: what ranks tell their launcher.
package struct RestartPoint: Hashable, Sendable {
  /// A file from which ranks can go on.
  package struct Checkpoint: Hashable, Sendable {
    /// As the ranks wrote it: from the folder in which they were started.
    package var path: String
    /// How far the job was, for people.
    package var step: Int

    /// Names a file.
    package init(path: String, step: Int) { (self.path, self.step) = (path, step) }
  }

  /// The numbers of ranks that the job can have.
  package var rankCounts: [Int]
  /// The last whole checkpoint; nil if the job would begin again.
  package var checkpoint: Checkpoint?

  /// Makes a point.
  package init(rankCounts: [Int], checkpoint: Checkpoint? = nil) {
    (self.rankCounts, self.checkpoint) = (rankCounts, checkpoint)
  }

  /// The most ranks that the job can have of those that are left; nil if it cannot have so few.
  package func rankCount(among left: Int) -> Int? { rankCounts.filter { $0 <= left }.max() }
}

/// What ranks know that were started in place of others, of which one had died.
package struct Restart: Hashable, Sendable {
  /// How often the job was started before.
  package var number: Int
  /// The checkpoint to go on from; nil if there was none yet.
  package var checkpoint: String?

  /// Makes a restart.
  package init(number: Int, checkpoint: String? = nil) {
    (self.number, self.checkpoint) = (number, checkpoint)
  }
}
