extension Communicator {
  /// Throws unless two ranks can exchange messages, one of which is this one.
  func checkMessage(from sender: Int, to receiver: Int, at place: String) throws {
    let ranks = 0..<rankCount
    guard ranks.contains(sender), ranks.contains(receiver), sender != receiver else {
      throw CommunicationError(
        "there is no message from rank \(sender) to rank \(receiver)", at: place,
        fix: "name another rank, from 0 to \(rankCount - 1)")
    }
  }

  /// This rank's number in a group that is to be made.
  ///
  /// - Throws: ``CommunicationError`` unless the ranks make a group with this one in it.
  func checkGroup(_ ranks: [Int], at place: String) throws -> Int {
    let isAscending = zip(ranks, ranks.dropFirst()).allSatisfy { $0 < $1 }
    guard isAscending, ranks.allSatisfy({ (0..<rankCount).contains($0) }),
      let number = ranks.firstIndex(of: rank)
    else {
      throw CommunicationError(
        "\(ranks) is no group", at: place,
        fix: "list numbers from 0 to \(rankCount - 1) in ascending order, \(rank) among them")
    }
    return number
  }
}
