import DeepEPCommunication
import Dispatch
import Testing

/// The control of a job of threads keeps what the control of every job promises.
@Suite struct LocalJobControlTests {
  /// What each rank returned, each on a thread of its own.
  private func onThreads<Result: Sendable>(
    _ controls: [LocalJobControl], _ body: @escaping @Sendable (LocalJobControl) -> Result
  ) throws -> [Result] {
    try LocalGroup.run(rankCount: controls.count) { body(controls[$0.rank]) }
  }

  @Test func hostsAreWhatTheyPretend() {
    let job = LocalJobControl.job(hosts: [2, 1, 3])
    #expect(job.map(\.rank) == Array(0..<6))
    #expect(job[4].membership.hosts == [[0, 1], [2], [3, 4, 5]])
    #expect(job[4].membership.localRanks == [3, 4, 5])
  }

  @Test func exchangesAreToldApartByNameRanksAndOrder() throws {
    let job = LocalJobControl.job(hosts: [3])
    let results = try onThreads(job) { control in
      let rank = UInt8(control.rank)
      return [
        try? control.exchange([rank], as: "a"), try? control.exchange([rank, 1], as: "b"),
        try? control.exchange([rank, 2], as: "a"),
        control.rank == 1 ? nil : try? control.exchange([rank, 3], as: "a", among: [0, 2]),
      ]
    }
    for (rank, result) in results.enumerated() {
      #expect(result[0] == [[0], [1], [2]])
      #expect(result[1] == [[0, 1], [1, 1], [2, 1]])
      #expect(result[2] == [[0, 2], [1, 2], [2, 2]])
      #expect(result[3] == (rank == 1 ? nil : [[0, 3], [2, 3]]))
    }
  }

  @Test func aFailureReachesThoseWhoWait() throws {
    let job = LocalJobControl.job(hosts: [1, 1])
    let token = job[0].recorder.begin("all-reduce", sequenceNumber: 7, byteCount: 24)
    job[1].recorder.end(job[1].recorder.begin("barrier", sequenceNumber: 6))
    let texts = try onThreads(job) { control in
      if control.rank == 1 {
        control.fail(CommunicationError("out of step", at: "rank 1", fix: "look"))
      }
      do { return "\(try control.exchange([], as: "never"))" } catch { return "\(error)" }
    }
    #expect(token == 0)
    for text in texts {
      #expect(text.hasPrefix("out of step (rank 1)\n  look\n  last operations:\n"), "\(text)")
      #expect(text.contains("rank 0 (host local0, process "), "\(text)")
      #expect(text.contains("in all-reduce 7 (24 bytes) for "), "\(text)")
      #expect(text.contains("barrier 6 ended "), "\(text)")
    }
  }

  @Test func whoLeavesOrIsLateIsNamed() throws {
    let job = LocalJobControl.job(hosts: [2], timeLimitSeconds: 0.05)
    #expect(!job[0].hasLeft(1))
    let late = #expect(throws: CommunicationError.self) { try job[0].exchange([], as: "arena") }
    #expect(late?.what == "rank 1 did not come to exchange 'arena' within 0.05 s")
    let other = LocalJobControl.job(hosts: [2])
    other[1].leave()
    #expect(other[0].hasLeft(1))
    #expect(throws: CommunicationError.self) { try other[0].exchange([], as: "arena") }
    #expect(other[1].failure != nil)
  }
}
