import DeepEPEvents
import Glibc

/// Moves the messages of a group by a library of messages, without a thread of its own.
// Only one thread at a time uses a channel: its communicator's.
final class ParcelChannel: LinkedChannel, @unchecked Sendable {
  /// How long what is given up may take to stop; what a dead rank has a part in never does.
  private static var settleSeconds: Double { 0.01 }

  /// Nil once all is cancelled, and where there is nobody to reach.
  private var carrier: (any ParcelCarrier)?
  /// By rank of the group; the own one is nil.
  let links: [ParcelLink?]
  private let boxes = ParcelBoxes()
  private let waker: Waker
  var postedBytes: [Int]

  /// Takes over a carrier that reaches all others of a group; nil if there are none.
  init(_ carrier: (any ParcelCarrier)?, rankCount: Int, rank: Int, _ waker: Waker) {
    (self.carrier, self.waker) = (carrier, waker)
    links = (0..<rankCount).map { [boxes] peer in
      peer == rank ? nil : carrier.map { ParcelLink($0, boxes, peer: peer) }
    }
    postedBytes = Array(repeating: 0, count: rankCount)
  }

  deinit {
    if let carrier, !isSettled(carrier) { abandon(carrier) }
  }

  func progress() throws -> Bool {
    guard let carrier else { return false }
    var hasMoved = carrier.progress()
    for case let link? in links where !link.isIdle {
      if try link.advance() { hasMoved = true }
    }
    return hasMoved
  }

  func sleep(milliseconds: Int) {
    if let carrier { return carrier.sleep(waker, milliseconds: milliseconds) }
    var entry = pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&entry, 1, Int32(clamping: milliseconds))
  }

  /// Such libraries do not say what has left this process and not arrived, and tell of lost connections by themselves.
  func look() -> Bool { false }

  // MARK: Ending

  func cancel() {
    guard let carrier else { return }
    for link in links { link?.cancel() }
    if !isSettled(carrier) { abandon(carrier) }
    self.carrier = nil
    for link in links { link?.clear() }
  }

  /// Returns when nothing is under way any more, or does not come to an end.
  private func isSettled(_ carrier: any ParcelCarrier) -> Bool {
    let deadline = Clock.seconds + Self.settleSeconds
    while !links.allSatisfy({ $0?.isSettled() ?? true }) {
      guard Clock.seconds < deadline else { return false }
      if !carrier.progress() { sched_yield() }
    }
    return true
  }

  private func abandon(_ carrier: any ParcelCarrier) {
    carrier.abandon()
    boxes.abandon()
  }
}
