import DeepEPEvents
import Synchronization

/// Which threads of a rank take part in its communication, and which of them wait, and for whom.
///
/// Threads write what they do themselves, and are taken off the board when they end. A thread that is
/// in no operation, or computes in one, goes on, unless it sleeps until another one of its process wakes it.
/// Only a rank none of whose threads goes on can be stuck.
package final class WaitBoard: Sendable {
  private let threads = BoardedThreads()
  /// Nil if the system has no more room: then no thread is known, and the rank never seems to wait.
  private let own = ThreadValue<BoardedThread>()
  private let hasProcess: Bool
  private let onWait: (@Sendable () -> Void)?

  /// Makes an empty board.
  ///
  /// - Parameters:
  ///   - hasProcess: whether no other rank is in this process.
  ///   - onWait: called in every turn of a wait for other ranks.
  init(hasProcess: Bool = false, onWait: (@Sendable () -> Void)? = nil) {
    (self.hasProcess, self.onWait) = (hasProcess, onWait)
  }

  /// The calling thread, which takes part from now on; nil if it cannot be told from others.
  var thread: BoardedThread? { own?.value { BoardedThread(threads) } }

  /// Notes that the calling thread waits in its operation for ranks of the job, and that nothing moves.
  ///
  /// To be called again in every turn of the wait: other ranks may be missing by then.
  func wait(for ranks: [Int], exchange: UInt64 = 0) {
    thread?.wait(for: ranks, exchange: exchange)
    onWait?()
  }

  /// Notes that the calling thread waits until other threads of its rank have done something.
  func waitForOwnRank() { thread?.waitForOwnRank() }

  /// Notes that the calling thread goes on.
  func goOn() { thread?.goOn() }

  /// What the threads wait for now.
  package var waits: RankWaits {
    let now = threads.all
    // If all wait for their own rank, somebody is there whom the board does not know.
    guard !now.waits.isEmpty, now.waits.count <= RankWaits.threadLimit,
      let wakeCount = wakeCount(now)
    else { return RankWaits() }
    return RankWaits(restNumber: now.changeCount &+ wakeCount, waits: now.waits)
  }

  /// What tells states of threads apart that the board does not know; nil if one of them goes on.
  private func wakeCount(_ now: BoardedThreads.All) -> UInt64? {
    let isIdle = now.active.isEmpty
    // Most waits are over before anybody has to ask the kernel.
    guard hasProcess, now.restSeconds > JobLimits().restSeconds / 4 else { return isIdle ? 0 : nil }
    if isIdle { return ProcessThreads.works(besides: now.waiting) ? nil : 0 }
    return ProcessThreads.wakeCount(likely: now.active, waiting: now.waiting)
  }
}

/// A thread that takes part in the communication of a rank.
///
/// Its end takes it off the board. Not sendable: no other thread gets hold of it.
final class BoardedThread {
  private let threads: BoardedThreads
  private let number: Int
  private var isWaiting = false
  /// The operation that it is in, or was in last, as the flight recorder has it.
  private(set) var operation = OperationRecord.Words()
  private(set) var operationNumber: UInt64?

  fileprivate init(_ threads: BoardedThreads) {
    self.threads = threads
    number = threads.add(ProcessThreads.own)
  }

  deinit { threads.remove(number) }

  /// Notes that an operation begins.
  func begin(_ operation: OperationRecord.Words, number: UInt64) {
    (self.operation, operationNumber) = (operation, number)
  }

  fileprivate func wait(for ranks: [Int], exchange: UInt64) {
    isWaiting = true
    let ranks = Array(ranks.prefix(RankWait.rankLimit))
    threads.set(.others(operation, ranks, exchange: exchange), of: number)
  }

  fileprivate func waitForOwnRank() {
    isWaiting = true
    threads.set(.ownRank, of: number)
  }

  fileprivate func goOn() {
    guard isWaiting else { return }
    isWaiting = false
    threads.set(.nothing, of: number)
  }
}

/// What the threads of a board wait for.
private final class BoardedThreads: Sendable {
  enum Awaited {
    /// The thread goes on.
    case nothing
    case ownRank
    case others(OperationRecord.Words, [Int], exchange: UInt64)

    /// Whether it is the same wait of a thread, for the same ranks.
    func isSame(as other: Awaited) -> Bool {
      switch (self, other) {
      case (.nothing, .nothing), (.ownRank, .ownRank): true
      case (
        .others(let operation, let ranks, let exchange), .others(let words, let others, let name)
      ):
        operation.start == words.start && ranks == others && exchange == name
      default: false
      }
    }
  }

  private struct Entry {
    /// Its number in the system.
    var thread: Int32
    var awaited = Awaited.nothing
  }

  private struct State {
    var threads: [Int: Entry] = [:]
    var nextThread = 0
    var changeCount: UInt64 = 0
    var changeSeconds = 0.0

    mutating func noteChange() {
      changeCount += 1
      changeSeconds = Clock.seconds
    }
  }

  private let state = Mutex(State())

  func add(_ thread: Int32) -> Int {
    state.withLock { state in
      state.noteChange()
      state.nextThread += 1
      state.threads[state.nextThread] = Entry(thread: thread)
      return state.nextThread
    }
  }

  func remove(_ thread: Int) {
    state.withLock { state in
      state.noteChange()
      state.threads[thread] = nil
    }
  }

  func set(_ awaited: Awaited, of thread: Int) {
    state.withLock { state in
      if state.threads[thread]?.awaited.isSame(as: awaited) == true { return }
      state.noteChange()
      state.threads[thread]?.awaited = awaited
    }
  }

  /// What all threads do at a moment.
  struct All {
    /// The waits for other ranks.
    var waits: [RankWait] = []
    /// How often anything has changed, and how long ago.
    var changeCount: UInt64
    var restSeconds: Double
    /// The threads that wait and those that do not.
    var waiting: Set<Int32> = []
    var active: [Int32] = []
  }

  var all: All {
    let now = FlightRecorder.now
    return state.withLock { state in
      var all = All(
        changeCount: state.changeCount, restSeconds: Clock.seconds - state.changeSeconds)
      for (_, entry) in state.threads.sorted(by: { $0.key < $1.key }) {
        switch entry.awaited {
        case .nothing: all.active.append(entry.thread)
        case .ownRank: all.waiting.insert(entry.thread)
        case .others(let words, let ranks, let exchange):
          all.waiting.insert(entry.thread)
          let operation = OperationRecord(words, now: now)
          all.waits.append(RankWait(operation: operation, ranks: ranks, exchange: exchange))
        }
      }
      return all
    }
  }
}
