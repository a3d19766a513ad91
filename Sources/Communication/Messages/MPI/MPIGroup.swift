import DeepEPEvents
import DeepEPSystemMPI

/// Some processes that do collectives of MPI's own.
///
/// Those that vendors tune wait inside MPI, for ever if one of the processes dies. So a thread of the group calls them,
/// and this rank looks meanwhile what becomes of the job.
final class MPIGroup {
  /// What the thread is asked for, and what came of it.
  private struct State {
    var call: deepep_mpi_collective?
    var status: Int32?
    var isClosed = false
  }

  /// How often a rank looks whether its job goes on.
  private static var lookSeconds: Double { 0.005 }

  private let library: MPILibrary
  private let control: any JobControl
  private let state = Monitor(State())
  private let thread: RankThread
  private var isAbandoned = false

  /// Makes a group, as all its processes do.
  ///
  /// - Parameters:
  ///   - processes: by rank of the group.
  ///   - tag: the same on all of them.
  /// - Throws: the job's failure, or ``CommunicationError`` with what MPI says.
  init(_ library: MPILibrary, _ control: any JobControl, _ processes: [Int32], tag: Int32) throws {
    (self.library, self.control) = (library, control)
    thread = try RankThread { [state] in Self.serve(state, library, processes, tag) }
    try finish("a group")
  }

  deinit {
    state.change { $0.isClosed = true }
    // What waits for a process that has died does not come back.
    if !isAbandoned { thread.join() }
  }

  /// Does a collective.
  ///
  /// - Throws: the job's failure, or ``CommunicationError`` with what MPI says.
  func collect(_ call: deepep_mpi_collective, _ name: String) throws {
    state.change { $0.call = call }
    try finish(name)
  }

  private func finish(_ name: String) throws {
    while true {
      let end = Clock.seconds + Self.lookSeconds
      let found = state.wait(until: end) { state, isLate -> Int32?? in
        defer { state.status = nil }
        return state.status != nil || isLate ? .some(state.status) : nil
      }
      if let status = found {
        guard status != 0 else { return }
        isAbandoned = true
        throw control.fail(
          library.error("\(name): \(library.reason(status))", control, "see MPI's manual"))
      }
      guard let failure = control.failure else { continue }
      isAbandoned = true
      throw failure
    }
  }

  // MARK: The thread

  private static func serve(
    _ state: Monitor<State>, _ library: MPILibrary, _ processes: [Int32], _ tag: Int32
  ) {
    var status: Int32 = 0
    let group = deepep_mpi_group_create(
      library.handle, processes, Int32(processes.count), tag, &status)
    state.change { $0.status = group == nil && status == 0 ? -1 : status }
    guard let group else { return }
    while var call = next(state) {
      let status = deepep_mpi_collect(group, &call)
      state.change { $0.status = status }
    }
  }

  /// The next call; nil when there will be none.
  private static func next(_ state: Monitor<State>) -> deepep_mpi_collective? {
    state.wait { state, _ -> deepep_mpi_collective?? in
      defer { state.call = nil }
      return state.call != nil || state.isClosed ? .some(state.call) : nil
    }
  }
}
