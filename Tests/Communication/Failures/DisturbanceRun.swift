import Foundation
import Glibc

/// What came of a disturbance.
struct DisturbanceOutcome: Sendable {
  let disturbance: Disturbance
  /// What is not as promised, for people; empty if all is.
  var problems: [String]
  /// How long after the disturbance the last rank ended that was not hit itself.
  var seconds: Double
  /// How long after it nothing of the job was left on the host.
  var cleanSeconds: Double

  var isWithinLimit: Bool { seconds <= disturbance.limitSeconds && cleanSeconds <= 5 }
}

/// Makes a disturbance happen in a real job, and looks what becomes of everybody.
struct DisturbanceRun {
  private let job: DisturbedJob
  private let disturbance: Disturbance
  private let sharedMemory: Set<String>
  private let watch: ProcessWatch
  /// By rank.
  private let processes: [Int32]

  /// Runs it.
  static func outcome(_ disturbance: Disturbance) throws -> DisturbanceOutcome {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("failure-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let sharedMemory = Self.sharedMemory
    let job = try DisturbedJob(disturbance, in: folder)
    defer { job.finish() }
    return try DisturbanceRun(job, sharedMemory).outcome()
  }

  private init(_ job: DisturbedJob, _ sharedMemory: Set<String>) throws {
    (self.job, disturbance, self.sharedMemory) = (job, job.disturbance, sharedMemory)
    processes = try job.rankProcesses()
    watch = ProcessWatch(processes + [job.launcher].compactMap { $0 })
  }

  private func outcome() throws -> DisturbanceOutcome {
    try reachMoment()
    let start = try disturb()
    let end = SharedClock.seconds + 20
    while SharedClock.seconds < end, !isOver { watch.wait(milliseconds: 20) }
    if isKeptStopped { kill(processes[disturbance.victim], SIGKILL) }
    let (left, cleanSeconds) = leftovers(start)
    for process in left { kill(process, SIGKILL) }
    job.finish()
    for process in ProcessTable.processes(with: job.mark) { kill(process, SIGKILL) }
    var problems = left.isEmpty ? [] : ["\(left.count) processes are left"]
    problems += survivors.filter { watch.endSeconds[processes[$0]] == nil }.map {
      "rank \($0) has not ended"
    }
    problems += DisturbanceNaming(job, survivors, processes).problems + traces
    let seconds = survivors.compactMap { watch.endSeconds[processes[$0]] }.max() ?? start
    return DisturbanceOutcome(
      disturbance: disturbance, problems: problems, seconds: seconds - start,
      cleanSeconds: cleanSeconds)
  }

  // MARK: The moment

  private func reachMoment() throws {
    let ranks = 0..<disturbance.rankCount
    if case .desync = disturbance.kind {
      // It may be over soon.
      return try job.wait { job.said("mistake", disturbance.victim) != nil }
    }
    try job.wait {
      disturbance.isHeld
        ? job.said("holding", disturbance.victim) != nil
        : ranks.allSatisfy { job.said("running", $0) != nil }
    }
    usleep(UInt32(disturbance.delaySeconds * 1e6))
  }

  /// Makes it happen; returns when it did.
  private func disturb() throws -> Double {
    let start = SharedClock.seconds
    switch disturbance.kind {
    case .kill: kill(processes[disturbance.victim], SIGKILL)
    case .stop: kill(processes[disturbance.victim], SIGSTOP)
    case .partition: job.cut(disturbance.victim)
    case .launcher: if let launcher = job.launcher { kill(launcher, SIGKILL) }
    case .supervisor:
      guard let supervisor = job.supervisor(of: processes[disturbance.victim]) else {
        throw DisturbedJob.NotThere(text: "no supervisor of rank \(disturbance.victim)")
      }
      kill(supervisor, SIGKILL)
    case .desync: return job.said("mistake", disturbance.victim).flatMap { Double($0) } ?? start
    }
    return start
  }

  // MARK: What becomes of them

  /// The ranks that were not hit themselves.
  private var survivors: [Int] {
    let ranks = 0..<disturbance.rankCount
    switch disturbance.kind {
    case .kill, .stop: return ranks.filter { $0 != disturbance.victim }
    default: return Array(ranks)
    }
  }

  /// Whether nobody is there who could end the rank that is stopped.
  private var isKeptStopped: Bool {
    disturbance.kind == .stop && disturbance.starter == .variables
  }

  private var isOver: Bool {
    watch.isOver
      || isKeptStopped && survivors.allSatisfy { watch.endSeconds[processes[$0]] != nil }
  }

  /// What is left of the job, at most for some seconds, and when nothing was any more.
  private func leftovers(_ start: Double) -> ([Int32], seconds: Double) {
    let end = SharedClock.seconds + 3
    while true {
      let left = ProcessTable.processes(with: job.mark).filter { !isLaunchersOwn($0) }
      let now = SharedClock.seconds
      if left.isEmpty || now > end { return (left, now - start) }
      usleep(5000)
    }
  }

  /// Whether a process is one of MPI's launcher's own: those on several hosts take some seconds to end once their ranks
  /// have, and wait for a host that is cut off.
  private func isLaunchersOwn(_ process: Int32) -> Bool {
    guard disturbance.transport == .mpiLinks else { return false }
    let words = ProcessTable.words(process)
    let isRank = words.first == BuiltProgram.rank
    return !isRank && words.contains { $0.contains("mpirun") || $0.contains("orted") }
  }

  /// Files that are left.
  private var traces: [String] {
    let files =
      (try? FileManager.default.contentsOfDirectory(atPath: job.temporaryFolder.path)) ?? []
    let memory = Self.sharedMemory.subtracting(sharedMemory)
    return files.map { "the file \($0) is left" } + memory.map { "/dev/shm/\($0) is left" }
  }

  /// The files in shared memory, but those of programs that may run beside the tests.
  private static var sharedMemory: Set<String> {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
    return Set(
      names.filter { name in
        !["torch_", "psm_", "sem.", "vader_segment"].contains { name.hasPrefix($0) }
      })
  }
}
