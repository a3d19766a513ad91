/// Communicators whose operations can be parts of others.
protocol InnerGroups: Communicator {
  /// Makes a group of the same ranks, which all of them make, for parts of operations.
  ///
  /// Nobody notes what it does.
  ///
  /// - Parameter beside: what a rank does again and again while it waits for others: it returns whether
  ///   anything moved, and what it throws ends the operation.
  func inner(beside: @escaping () throws -> Bool) throws -> any Communicator
}

extension SharedMemoryCommunicator: InnerGroups {
  func inner(beside: @escaping () throws -> Bool) throws -> any Communicator {
    try SharedMemoryCommunicator(
      arena, members: members, name: "inner group", log: CommunicationLog(capacity: 1),
      beside: beside)
  }
}
