import DeepEPEvents
import Glibc

/// Moves the messages of a group by a worker of UCX, without a thread of its own.
// Only one thread at a time uses a channel: its communicator's.
final class UCXChannel: LinkedChannel, @unchecked Sendable {
  /// How long what is given up may take to stop; what a dead rank has a part in never does.
  private static var settleSeconds: Double { 0.01 }

  /// Nil once all is cancelled, and where there is nobody to reach.
  private var worker: UCXWorker?
  /// By rank of the group; the own one is nil.
  let links: [UCXLink?]
  private let boxes = UCXBoxes()
  private let waker: Waker
  var postedBytes: [Int]

  /// Takes over a worker that is connected to all others of a group; nil if there are none.
  init(_ worker: UCXWorker?, rankCount: Int, rank: Int, _ waker: Waker) {
    (self.worker, self.waker) = (worker, waker)
    links = (0..<rankCount).map { [boxes] peer in
      peer == rank ? nil : worker.map { UCXLink($0, boxes, rank: rank, peer: peer) }
    }
    postedBytes = Array(repeating: 0, count: rankCount)
  }

  deinit { end() }

  func progress() throws -> Bool {
    guard let worker else { return false }
    var hasMoved = worker.progress()
    for case let link? in links where !link.isIdle {
      if try link.advance() { hasMoved = true }
    }
    return hasMoved
  }

  func sleep(milliseconds: Int) {
    var entries = [pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0)]
    if let worker {
      guard worker.arm() else { return }
      entries.append(pollfd(fd: worker.descriptor, events: Int16(POLLIN), revents: 0))
    }
    _ = poll(&entries, nfds_t(entries.count), Int32(clamping: milliseconds))
  }

  /// UCX does not say what has left this process and not arrived, and tells of lost connections by itself.
  func look() -> Bool { false }

  // MARK: Ending

  func cancel() {
    for link in links { link?.cancel() }
    end()
    for link in links { link?.clear() }
  }

  /// Gives the worker up when nothing is under way any more.
  private func end() {
    guard let worker else { return }
    self.worker = nil
    let deadline = Clock.seconds + Self.settleSeconds
    while !links.allSatisfy({ $0?.isSettled() ?? true }) {
      guard Clock.seconds < deadline else {
        worker.abandon()
        boxes.abandon()
        return
      }
      if !worker.progress() { sched_yield() }
    }
  }
}
