import DeepEPEvents
import Synchronization

/// What one rank did in one operation, and how long it took.
public struct CommunicationEvent: Hashable, Sendable {
  private let call: CollectiveCall
  /// The number that counts the operations of its group.
  public var sequenceNumber: Int { call.sequenceNumber }
  /// The operation's name: "all-reduce".
  public var name: String { call.kind.rawValue }
  /// The queue on which it ran: 0 is the thread that called it, others count the rank's ``CommunicationQueue``s.
  public let queue: Int
  /// The bytes that this rank gave.
  public var byteCount: Int { call.byteCount }
  /// The ranks of its group, as numbers of the whole job.
  public let ranks: [Int]
  /// The bytes that a rank sends by a ring, as if each were a host of its own.
  public var sentBytes: Int { call.sentBytes(rankCount: ranks.count) }
  /// When this rank came, in seconds of `Clock`.
  public let startSeconds: Double
  /// How long it waited until all had come.
  public let waitSeconds: Double
  /// How long the work took after that.
  public let transferSeconds: Double
  /// The rank that came last, as a number of the whole job.
  public let lastRank: Int

  init(
    _ call: CollectiveCall, ranks: [Int], queue: Int, startSeconds: Double, arrivalSeconds: Double,
    endSeconds: Double, lastRank: Int
  ) {
    (self.call, self.ranks, self.startSeconds) = (call, ranks, startSeconds)
    self.queue = queue
    self.lastRank = lastRank
    waitSeconds = max(0, arrivalSeconds - startSeconds)
    transferSeconds = max(0, endSeconds - max(startSeconds, arrivalSeconds))
  }

  /// The event of the timeline, on the queue of communication.
  public var event: Event {
    Event(
      name: call.kind.rawValue, queue: .communication, startSeconds: startSeconds,
      durationSeconds: waitSeconds + transferSeconds, bytes: call.byteCount)
  }
}

/// How long a rank has waited for another one.
public struct Straggler: Hashable, Sendable {
  /// The rank that came last, as a number of the whole job.
  public var rank: Int
  /// How often it did.
  public var count: Int
  /// How long this rank waited for it in all.
  public var waitSeconds: Double

  /// Makes one.
  package init(rank: Int, count: Int, waitSeconds: Double) {
    (self.rank, self.count, self.waitSeconds) = (rank, count, waitSeconds)
  }
}

/// The most recent operations of a rank.
public final class CommunicationLog: Sendable {
  private struct State {
    var events: [CommunicationEvent] = []
    var next = 0
    /// By the rank that came last.
    var stragglers: [Straggler] = []
    var queueCount = 0
  }

  private let state = Mutex(State())
  private let capacity: Int

  /// Makes an empty log that keeps the last `capacity` events.
  public init(capacity: Int = 1024) { self.capacity = max(1, capacity) }

  /// The events that are kept, oldest first.
  public var recent: [CommunicationEvent] {
    state.withLock {
      $0.events.count < capacity
        ? $0.events : Array($0.events[$0.next...] + $0.events[..<$0.next])
    }
  }

  /// For whom this rank has waited since the log was made, the longest first.
  public var stragglers: [Straggler] {
    state.withLock { state in
      state.stragglers.filter { $0.count > 0 }.sorted { $0.waitSeconds > $1.waitSeconds }
    }
  }

  /// The number of a new queue.
  func addQueue() -> Int {
    state.withLock { state in
      state.queueCount += 1
      return state.queueCount
    }
  }

  func record(_ event: CommunicationEvent) {
    state.withLock { state in
      if state.events.count < capacity {
        state.events.append(event)
      } else {
        state.events[state.next] = event
      }
      state.next = (state.next + 1) % capacity
      guard event.waitSeconds > 0 else { return }
      let known = state.stragglers.count
      for rank in known..<max(known, event.lastRank + 1) {
        state.stragglers.append(Straggler(rank: rank, count: 0, waitSeconds: 0))
      }
      state.stragglers[event.lastRank].add(event.waitSeconds)
    }
  }
}

extension Straggler {
  fileprivate mutating func add(_ seconds: Double) {
    count += 1
    waitSeconds += seconds
  }
}
