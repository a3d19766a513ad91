import DeepEPEvents
import Glibc
import Synchronization

/// The middle of a job's control: a thread that every rank is connected to.
///
/// It runs in the launcher, or in rank 0 where others have launched the ranks.
package final class ControlHub: Sendable {
  private enum Command: Sendable {
    case started(rank: Int, host: String, process: Int32)
    case stopped(rank: Int)
    case lost(rank: Int, String)
    case exited(rank: Int, ExitStatus)
    case stop
  }

  private struct Shared {
    var commands: [Command] = []
    var failure: CommunicationError?
    var isOver = false
    var stragglers: StragglerReport?
    var restartPoint: RestartPoint?
    var deadRank: Int?
  }

  /// The address and the port that ranks connect to.
  package let address: (address: String, port: UInt16)
  private let shared = Monitor(Shared())
  private let waker: Waker
  private let thread: Mutex<RankThread?>

  /// Listens, and begins to serve a job.
  ///
  /// - Parameters:
  ///   - address: where to listen: the address of a network of this host, or loopback.
  ///   - port: 0 for any free one.
  ///   - notice: told what a person should know: who was refused, and why.
  /// - Throws: ``CommunicationError``, which names the port if it is taken.
  package init(
    jobName: String, token: String, rankCount: Int, address: String = "127.0.0.1",
    port: UInt16 = 0, limits: JobLimits = JobLimits(),
    notice: @escaping @Sendable (String) -> Void
  ) throws {
    guard (1...JobLimits.rankCount).contains(rankCount) else {
      throw CommunicationError(
        "a job cannot have \(rankCount) ranks", at: "job \(jobName)",
        fix: "ask for 1 to \(JobLimits.rankCount)")
    }
    // Beside the ranks' connections and the strangers', a few of the process itself.
    DescriptorCalls.allowFiles(2 * rankCount + 2 * JobLimits.strangerCount)
    let listener = try Socket.listening(at: address, port: port)
    let waker = try Waker()
    (self.address, self.waker) = (listener.local, waker)
    let ledger = JobLedger(jobName: jobName, token: token, rankCount: rankCount, limits: limits)
    thread = Mutex(nil)
    let started = try RankThread { [shared] in
      ProcessThreads.markService()
      ProcessThreads.runAtOnce()
      let loop = ControlHubLoop(listener, waker, ledger, notice)
      loop.run { loop in
        shared.change { state in
          state.failure = loop.failure
          state.isOver = loop.isOver
          state.restartPoint = loop.restartPoint
          for command in state.commands {
            switch command {
            case .started(let rank, let host, let process): loop.started(rank, host, process)
            case .stopped(let rank): loop.stopped(rank)
            case .lost(let rank, let reason): loop.lost(rank, reason)
            case .exited(let rank, let status): loop.exited(rank, status)
            case .stop: loop.isStopped = true
            }
          }
          state.commands = []
        }
      }
      shared.change { state in
        state.isOver = true
        state.stragglers = loop.stragglers
        (state.restartPoint, state.deadRank) = (loop.restartPoint, loop.deadRank)
      }
    }
    thread.withLock { $0 = started }
  }

  deinit { stop() }

  /// Why the job has ended, once that is settled.
  package var failure: CommunicationError? { shared.change { $0.failure } }

  /// Who waited for whom; nil before ``stop()``.
  package var stragglers: StragglerReport? { shared.change { $0.stragglers } }

  /// From where the job could go on; nil as long as no rank has said so.
  package var restartPoint: RestartPoint? { shared.change { $0.restartPoint } }

  /// The rank that has failed without a word: stopped, out of reach, or dead; nil before ``stop()``.
  package var deadRank: Int? { shared.change { $0.deadRank } }

  /// Notes where a process was started that may become a rank.
  package func started(_ rank: Int, host: String, processIdentifier: Int32) {
    give(.started(rank: rank, host: host, process: processIdentifier))
  }

  /// Notes that the process of a rank is stopped, which its parent sees.
  package func stopped(_ rank: Int) { give(.stopped(rank: rank)) }

  /// Notes that nobody looks after the process of a rank any more, so that it ends or has ended.
  package func lost(_ rank: Int, _ reason: String) { give(.lost(rank: rank, reason)) }

  /// Notes how the process of a rank has ended, which its parent sees.
  package func exited(_ rank: Int, _ status: ExitStatus) { give(.exited(rank: rank, status)) }

  /// Waits until all ranks have left; when the job has failed, only for a moment, since a rank
  /// that is stopped or out of reach never leaves.
  package func waitUntilOver() {
    shared.wait { state, _ in state.isOver || state.failure != nil ? () : nil }
    shared.wait(until: Clock.seconds + 1) { state, isLate in state.isOver || isLate ? () : nil }
  }

  /// Closes all connections and ends the thread.
  package func stop() {
    give(.stop)
    let thread = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    thread?.join()
  }

  private func give(_ command: Command) {
    shared.change { $0.commands.append(command) }
    waker.wake()
  }
}
