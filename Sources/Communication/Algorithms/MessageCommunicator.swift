import DeepEPElements
import DeepEPEvents
import Glibc

/// A rank of a group whose ranks send one another messages.
// Its state is touched by one thread at a time: that which uses the communicator.
final class MessageCommunicator: @unchecked Sendable {
  let rank: Int
  /// The ranks of the group, as numbers of the job.
  let members: [Int]
  let control: any JobControl
  let fabric: any MessageFabric
  let channel: any MessageChannel
  var options: MessageOptions
  let operations: CommunicationLog
  let received = StagingMemory()
  let packed = StagingMemory()
  /// On how many hosts the ranks run.
  let hostCount: Int
  /// Tells the group from others, for people; 0 is the whole job.
  let number: Int
  private var groupCounts: [[Int]: Int] = [:]
  var queue = 0
  private var callCount = 0
  private var messageCounts: [Int]
  /// The rank for which this operation has waited last until all had come, and until when.
  var arrival = (peer: 0, seconds: 0.0)

  var rankCount: Int { members.count }

  init(
    _ control: any JobControl, _ fabric: any MessageFabric, members: [Int],
    number: Int = 0, options: MessageOptions, log: CommunicationLog
  ) throws {
    (self.control, self.fabric, self.members) = (control, fabric, members)
    (self.options, operations) = (options, log)
    rank = members.firstIndex(of: control.rank) ?? 0
    hostCount = Set(members.map { control.membership.members[$0].hostIdentifier }).count
    messageCounts = Array(repeating: 0, count: 2 * members.count)
    self.number = number
    channel = try fabric.channel(control, among: members)
  }

  /// Where errors happen: this rank and its group.
  var place: String { "\(name(of: rank)), group of \(members.namedRanks)" }

  func name(of peer: Int) -> String { control.membership.name(of: members[peer]) }

  /// The other ranks, beginning with the next one, so that not all send to the same rank first.
  var others: [Int] { (1..<max(1, rankCount)).map { (rank + $0) % rankCount } }

  /// The number of a group of this one, the same on all of its ranks.
  func nextGroup(_ ranks: [Int]) -> Int {
    groupCounts[ranks, default: 0] += 1
    let digest = WordDigest.of([number, groupCounts[ranks, default: 0]] + ranks)
    return 1 + Int(digest % 9999)
  }

  // MARK: Operations

  func nextCall(_ kind: CollectiveCall.Kind, byteCount: Int = 0) -> CollectiveCall {
    callCount += 1
    return CollectiveCall(kind: kind, sequenceNumber: callCount - 1, byteCount: byteCount)
  }

  /// The call of the next message from this rank to another one, or to it from there.
  func nextMessage(_ direction: MessageRequest.Direction, _ peer: Int, byteCount: Int)
    -> CollectiveCall
  {
    let place = direction == .send ? peer : rankCount + peer
    messageCounts[place] += 1
    return CollectiveCall(
      kind: .send, sequenceNumber: messageCounts[place] - 1, byteCount: byteCount)
  }

  /// Does this rank's part of an operation, and notes what came of it.
  func perform(
    _ call: CollectiveCall, _ source: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    _ destination: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0),
    part: (MessageTag) throws -> Void
  ) throws {
    try call.check(source, destination, rankCount: rankCount, place: place)
    try control.check()
    let token = control.recorder.begin(call, group: number)
    let start = Clock.seconds
    arrival = (rank, start)
    do {
      try part(MessageTag(call))
    } catch {
      channel.cancel()
      throw named(error, call)
    }
    control.recorder.end(token)
    operations.record(
      CommunicationEvent(
        call, ranks: members, queue: queue, startSeconds: start, arrivalSeconds: arrival.seconds,
        endSeconds: Clock.seconds, lastRank: members[arrival.peer]))
  }

  // MARK: Waiting

  /// Moves messages until some are done.
  ///
  /// - Parameter isMeeting: whether these are the first of the operation from the ranks that
  ///   send them; what is waited for them is waited for those ranks.
  func wait(for requests: [MessageRequest], isMeeting: Bool = false) throws {
    var pending = requests
    var idleTurns = 0
    var idleSince = 0.0
    defer { control.recorder.board.goOn() }
    while true {
      let hasMoved = try channel.progress()
      if isMeeting, idleTurns > busyTurns { noteArrival(pending) }
      pending.removeAll { channel.isDone($0) }
      if pending.isEmpty { return }
      if hasMoved {
        idleTurns = min(idleTurns, busyTurns + 1)
        idleSince = 0
        control.recorder.board.goOn()
      } else {
        idleTurns += 1
        if idleSince == 0 { idleSince = Clock.seconds }
        try pause(idleTurns, since: idleSince, pending)
      }
    }
  }

  /// How often a rank looks again before it sleeps.
  ///
  /// On a queue not at all: a thread that gives way to the compute beside it runs late when its messages come, and one
  /// that sleeps at once.
  private var busyTurns: Int { queue == 0 ? 20 : 0 }
  /// Nothing wakes a rank whose peer has left.
  private static var sleepMilliseconds: Int { 20 }
  /// How long nothing may move before a rank that has left counts as gone, if its connection does not end before.
  private static var partingSeconds: Double { 1.5 }

  private func noteArrival(_ pending: [MessageRequest]) {
    guard let last = pending.last(where: { $0.direction == .receive && channel.isDone($0) })
    else { return }
    arrival = (last.peer, Clock.seconds)
  }

  private func pause(_ turn: Int, since: Double, _ pending: [MessageRequest]) throws {
    if turn <= busyTurns {
      sched_yield()
      return
    }
    try control.check()
    // Nobody knows of a rank that it waits in vain while something may still reach it.
    if try channel.look() {
      control.recorder.board.goOn()
    } else {
      control.recorder.board.wait(for: Set(pending.map { members[$0.peer] }).sorted())
    }
    let peers = channel.awaitedPeers
    // What they sent before they left may take longer than the word that they have left.
    let isQuiet = Clock.seconds - since > Self.partingSeconds
    let gone = isQuiet ? peers.filter { control.hasLeft(members[$0]) } : []
    if !gone.isEmpty, try !channel.progress() { throw MessageFailure.left(peers: gone) }
    guard Clock.seconds - since < options.timeLimitSeconds else {
      throw MessageFailure.late(peers: peers)
    }
    channel.sleep(milliseconds: Self.sleepMilliseconds)
  }

  // MARK: Errors

  /// The error that all ranks get.
  func named(_ error: any Error, _ call: CollectiveCall) -> any Error {
    guard let failure = error as? MessageFailure else { return error }
    if case .closed(let peer, _) = failure, !control.hasLeft(members[peer]) { awaitReason() }
    return control.failure ?? control.fail(self.error(failure, call))
  }

  /// Whoever watches the ranks may know better why a connection has ended.
  private func awaitReason() {
    let end = Clock.seconds + 0.5
    while control.failure == nil, Clock.seconds < end { usleep(1000) }
  }

  private func error(_ failure: MessageFailure, _ call: CollectiveCall) -> CommunicationError {
    let inStep = "all ranks of a group call the same operations in the same order"
    switch failure {
    case .mismatch(let peer, let expected, let found):
      return CommunicationError(
        "the ranks are out of step: \(name(of: rank)) is in \(call.text), "
          + "\(name(of: peer)) in \(difference(expected, found))",
        at: place, fix: inStep + ", with equal sizes")
    case .closed(let peer, _) where control.hasLeft(members[peer]):
      return self.error(.left(peers: [peer]), call)
    case .closed(let peer, let reason):
      return CommunicationError(
        "\(call.text): the connection to \(name(of: peer)) is lost: \(reason)", at: place,
        fix: "see what that rank says, and whether the hosts still reach each other")
    case .left(let peers):
      return CommunicationError(
        "\(peers.map { members[$0] }.namedRanks) ended and will not come to \(call.text)",
        at: place, fix: inStep)
    case .late(let peers):
      return CommunicationError(
        "\(call.text): nothing moved for \(options.timeLimitSeconds) s; waiting for "
          + peers.map(name).joined(separator: ", "), at: place,
        fix: "see what they were doing; raise the time limit if they are only slow")
    }
  }

  private func difference(_ expected: MessageHeader, _ found: MessageHeader) -> String {
    if expected.tag.isSameOperation(as: found.tag) {
      return "the same, with a message of \(found.payloadCount) bytes "
        + "instead of \(expected.payloadCount)"
    }
    let text = found.tag.operationText
    return text == expected.tag.operationText
      ? "\(text) with another size, outer count, root or format" : text
  }
}

extension MessageCommunicator: CountsMessages {
  var sentBytes: [Int] { channel.postedBytes }
}
