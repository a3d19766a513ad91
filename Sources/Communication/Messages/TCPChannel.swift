import Glibc

/// The TCP transport's messages: a connection between any two ranks of a group.
struct TCPMessages: MessageFabric {
  func channel(_ control: any JobControl, among members: [Int]) throws -> any MessageChannel {
    let sockets = try TCPMeeting(control, members).sockets()
    let waker = try Waker()
    // The job outlives its groups, whose descriptors go with them.
    control.onFailure { [weak waker] in waker?.wake() }
    return TCPChannel(sockets, waker)
  }
}

/// Moves the messages of all connections of a group, without a thread of its own.
// Only one thread at a time uses a channel: its communicator's.
final class TCPChannel: LinkedChannel, @unchecked Sendable {
  /// By rank of the group; the own one is nil.
  let links: [TCPLink?]
  private let waker: Waker
  var postedBytes: [Int]

  /// Takes over connected sockets, by rank of the group.
  init(_ sockets: [Socket?], _ waker: Waker) {
    links = sockets.map { $0.map(TCPLink.init) }
    self.waker = waker
    postedBytes = Array(repeating: 0, count: sockets.count)
  }

  func progress() throws -> Bool {
    var hasMoved = false
    for (peer, link) in links.enumerated() {
      guard let link else { continue }
      do {
        if link.awaitsOutput, try link.write() { hasMoved = true }
        if link.awaitsInput, try link.read() { hasMoved = true }
      } catch TCPLink.Failure.mismatch(let expected, let found) {
        throw MessageFailure.mismatch(peer: peer, expected: expected, found: found)
      } catch TCPLink.Failure.closed(let reason) {
        throw MessageFailure.closed(peer: peer, reason: reason)
      }
    }
    return hasMoved
  }

  func sleep(milliseconds: Int) {
    var entries = [pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0)]
    for case let link? in links where link.awaitsInput || link.awaitsOutput {
      let events = (link.awaitsInput ? POLLIN : 0) | (link.awaitsOutput ? POLLOUT : 0)
      entries.append(
        pollfd(fd: link.socket.descriptor, events: Int16(events), revents: 0))
    }
    _ = poll(&entries, nfds_t(entries.count), Int32(clamping: milliseconds))
  }

  func look() throws -> Bool {
    var hasBytesUnderWay = false
    for (peer, link) in links.enumerated() {
      guard let link, let state = TCPState(link.socket) else { continue }
      if state.isLost {
        throw MessageFailure.closed(peer: peer, reason: "what was sent is not answered")
      }
      hasBytesUnderWay = hasBytesUnderWay || state.hasBytesUnderWay
    }
    return hasBytesUnderWay
  }

  func cancel() { for link in links { link?.cancel() } }
}
