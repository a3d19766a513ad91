/// Communicators that know on which queue their operations run, and say for whom they wait.
protocol QueuedCommunicator: Communicator {
  /// Of this rank, for all of its groups.
  var board: WaitBoard { get }
  /// The number of the queue that the group was made for; 0 is none.
  var queue: Int { get set }
}

extension SharedMemoryCommunicator: QueuedCommunicator {
  var board: WaitBoard { arena.control.recorder.board }
}

extension MessageCommunicator: QueuedCommunicator {
  var board: WaitBoard { control.recorder.board }
}

extension HierarchicalCommunicator: QueuedCommunicator {
  var board: WaitBoard { world.board }
  var queue: Int {
    get { world.queue }
    set { (world.queue, across.queue) = (newValue, newValue) }
  }
}

extension LocalCommunicator: QueuedCommunicator {
  var board: WaitBoard { recorder.board }
}
