import DeepEPCommunication

/// The collectives that go on beside the instructions of a call.
struct RunningCollectives {
  private var handles: [Int: CommunicationHandle] = [:]

  /// The instructions that have started them.
  var instructions: [Int] { handles.keys.sorted() }

  /// Notes the collective that an instruction has started.
  mutating func add(_ handle: CommunicationHandle, of instruction: Int) {
    handles[instruction] = handle
  }

  /// Waits until the collectives of some instructions are over.
  ///
  /// - Throws: the error of the first that failed.
  mutating func wait(for instructions: [Int]) throws {
    for instruction in instructions { try handles.removeValue(forKey: instruction)?.wait() }
  }

  /// Waits until nothing uses the memory any more, however it ends.
  mutating func settle() {
    for handle in handles.values { try? handle.wait() }
    handles = [:]
  }
}
