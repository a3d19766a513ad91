/// Operations that run beside the caller, one after another in the order in which they were started.
///
/// A queue has a thread and a group of its own, so the operations of several queues do not wait for
/// one another. All ranks start the same operations on a queue in the same order.
public final class CommunicationQueue: Sendable {
  private typealias Entry = (operation: CommunicationOperation, handle: CommunicationHandle)

  private struct State {
    var entries: [Entry] = []
    var isClosed = false
  }

  private let state = Monitor(State())
  private let thread: RankThread
  /// Knows who waits for whom, if the transport does.
  private let board: WaitBoard?

  /// Makes a queue of all ranks of a communicator, which all of them make.
  ///
  /// - Throws: the communicator's error, or ``CommunicationError`` if there is no room for a thread.
  public init(_ communicator: any Communicator) throws {
    let group = try communicator.group(Array(0..<communicator.rankCount))
    var queued = group as? any QueuedCommunicator
    queued?.queue = group.log?.addQueue() ?? 0
    let board = queued?.board
    self.board = board
    thread = try RankThread { [state] in
      (try? LinuxCalls())?.takeShortTurns()
      while let entry = Self.next(of: state, board) {
        entry.handle.finish(Swift.Result { try entry.operation.run(on: group) })
      }
    }
  }

  /// Waits until all operations are over.
  deinit {
    state.change { $0.isClosed = true }
    board?.waitForOwnRank()
    thread.join()
    board?.goOn()
  }

  /// Starts an operation after those that were started before.
  public func start(_ operation: CommunicationOperation) -> CommunicationHandle {
    // Who starts operations may start more.
    board?.goOn()
    let handle = CommunicationHandle(board)
    state.change { $0.entries.append((operation, handle)) }
    return handle
  }

  private static func next(of state: Monitor<State>, _ board: WaitBoard?) -> Entry? {
    board?.waitForOwnRank()
    defer { board?.goOn() }
    return state.wait { state, _ -> Entry?? in
      if !state.entries.isEmpty { return .some(state.entries.removeFirst()) }
      return state.isClosed ? .some(nil) : nil
    }
  }
}

/// An operation that was started.
public final class CommunicationHandle: Sendable {
  private let result = Monitor<Swift.Result<Void, any Error>?>(nil)
  private let board: WaitBoard?

  init(_ board: WaitBoard?) { self.board = board }

  /// Whether the operation is over.
  public var isOver: Bool { result.change { $0 != nil } }

  /// Waits until the operation is over.
  ///
  /// - Throws: its error.
  public func wait() throws {
    board?.waitForOwnRank()
    defer { board?.goOn() }
    try result.wait { result, _ in result }.get()
  }

  func finish(_ result: Swift.Result<Void, any Error>) { self.result.change { $0 = result } }
}
