/// Whether every rank that was not hit has said what went wrong: which rank on which host, in which
/// operation, and what all ranks were doing.
struct DisturbanceNaming {
  private let job: DisturbedJob
  private let disturbance: Disturbance
  private let survivors: [Int]
  private let processes: [Int32]

  init(_ job: DisturbedJob, _ survivors: [Int], _ processes: [Int32]) {
    (self.job, disturbance) = (job, job.disturbance)
    (self.survivors, self.processes) = (survivors, processes)
  }

  /// What is missing, for people.
  var problems: [String] {
    // The supervisors end their ranks when the launcher is gone, and the kernel when they are.
    guard disturbance.kind != .launcher else { return [] }
    return survivors.flatMap(problems) + silence + statusProblems
  }

  private func problems(_ rank: Int) -> [String] {
    let text = job.lines(rank).drop { !$0.hasPrefix("ended ") }.joined(separator: "\n")
    if text.isEmpty { return mayBeSilent(rank) ? [] : ["rank \(rank) says nothing:\n\(job.text)"] }
    var missing = culprits(rank).contains(where: text.contains) ? [] : ["whose fault it is"]
    let others = (0..<disturbance.rankCount).filter { other in
      !text.contains("\n    rank \(other)")
    }
    if !others.isEmpty { missing.append("the last operations of \(others)") }
    if disturbance.hasOperations, text.firstMatch(of: operation) == nil {
      missing.append("the operation")
    }
    return missing.map { "rank \(rank) does not say \($0):\n\(text)" }
  }

  /// mpirun ends the others as soon as one has said why it fails, and at once if one is killed.
  private var silence: [String] {
    let isHeard = survivors.contains { job.said("ended", $0) != nil }
    let isTold = disturbance.starter == .mpirun && disturbance.kind != .kill
    return isTold && !isHeard ? ["no rank says anything:\n\(job.text)"] : []
  }

  /// Whether a rank may end without having heard of it.
  private func mayBeSilent(_ rank: Int) -> Bool {
    if disturbance.starter == .mpirun { return true }
    return switch disturbance.kind {
    // They die with their supervisor; those of other hosts hear of it.
    case .supervisor: disturbance.host(of: rank) == disturbance.host(of: disturbance.victim)
    case .desync(.leave): rank == disturbance.victim
    // Those that are done leave, if the others can do without them.
    default: disturbance.moment == .leave && job.said("left", rank) != nil
    }
  }

  private var operation: Regex<(Substring, Substring, Substring)> {
    /(all-reduce|all-gather|reduce-scatter|all-to-all|all-to-all-v|broadcast|barrier|send|group|exchange) (\d+)/
  }

  // MARK: Whose fault it is

  /// Words of which one must stand in what a rank says.
  private func culprits(_ rank: Int) -> [String] {
    let victim = disturbance.victim
    switch disturbance.kind {
    case .kill: return named(victim, ["was killed by signal 9", "its connection ended", "is lost"])
    case .stop: return named(victim, ["was not heard", "is stopped", "is lost"])
    case .desync(.leave): return ["ended and will not come"]
    case .desync: return ["out of step"]
    case .partition: return partitioned(rank)
    case .supervisor: return ["was lost: its supervisor or agent", "its connection ended"]
    case .launcher: return []
    }
  }

  /// "process 4711) was killed" of "rank 3 (host n1, process 4711) was killed".
  private func named(_ rank: Int, _ ends: [String]) -> [String] {
    ends.map { "process \(processes[rank])) \($0)" }
  }

  /// Ranks of the launcher's side miss one of the other side, those of the other side the launcher.
  private func partitioned(_ rank: Int) -> [String] {
    let isCut = { (other: Int) in
      disturbance.host(of: other) == disturbance.victim
    }
    // The launcher runs on host 0.
    let isWithLauncher = isCut(rank) == (disturbance.victim == 0)
    if !isWithLauncher, disturbance.starter == .mpirun { return named(0, ["is lost"]) }
    if !isWithLauncher { return ["the launcher is lost: ", "the job cannot be joined: "] }
    let others = (0..<disturbance.rankCount).filter { isCut($0) != isCut(rank) }
    return others.map { "error: rank \($0) (host " }
  }

  private var statusProblems: [String] {
    let bad = job.statuses.filter { $0 != 0 }
    if disturbance.starter != .variables, bad.isEmpty {
      return ["the job's status is that of success"]
    }
    return []
  }
}
