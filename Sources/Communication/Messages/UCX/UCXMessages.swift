/// The UCX transport's messages: a worker for each group, connected to those of all its ranks.
struct UCXMessages: MessageFabric {
  private let context: UCXContext

  /// Opens the library, and what it finds on this host.
  ///
  /// - Throws: ``CommunicationError`` if there is no UCX, or it cannot be used.
  init() throws { context = try UCXContext.forMessages(UCXLibrary()) }

  func channel(_ control: any JobControl, among members: [Int]) throws -> any MessageChannel {
    let waker = try Waker()
    // The job outlives its groups, whose descriptors go with them.
    control.onFailure { [weak waker] in waker?.wake() }
    let meeting = UCXMeeting(control, members, waker)
    return ParcelChannel(
      members.count > 1 ? try meeting.worker(context) : nil, rankCount: members.count,
      rank: meeting.rank, waker)
  }
}
