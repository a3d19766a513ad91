import DeepEPCommunication
import DeepEPTraining

/// `deepep benchmark all-reduce` and its like: how fast the ranks of a job exchange bytes.
struct CollectiveBenchmark {
  let collective: TimedCollective
  var byteCount = 64 << 20
  /// How many ranks run as threads of this process; nil: the ranks of the job that it was started for.
  var threadCount: Int?
  var communication = CommunicationTransport.sharedMemory
  var isJSON = false
  var wire = WireFormat.exact
  var roundCount: Int?
  /// Nil: the table of algorithms that is found where rank 0 runs.
  var messages: MessageOptions?

  func run(output: TerminalOutput) throws {
    try communication.check()
    guard let threadCount else { return try runRank(output: output) }
    let controls = LocalJobControl.job(hosts: [threadCount])
    let reports = try LocalGroup.run(rankCount: threadCount) { thread in
      // Each thread maps the memory of all, as processes do.
      let communicator =
        communication == .local
        ? thread : try communicator(controls[thread.rank])
      return try report(communicator, controls[thread.rank].membership)
    }
    if let report = reports.first { try write(report, to: output) }
  }

  private func runRank(output: TerminalOutput) throws {
    let control = try Job.join { try? TerminalOutput.error.write("deepep: \($0)\n") }
    do {
      let communicator = try communicator(control)
      let report = try report(communicator, control.membership)
      if control.membership.rank == 0 { try write(report, to: output) }
      control.leave()
    } catch let error as CommunicationError {
      throw control.fail(error)
    }
  }

  private func communicator(_ control: any JobControl) throws -> any Communicator {
    try communication.communicator(control, messages: messages)
  }

  private func report(
    _ communicator: any Communicator, _ membership: Membership
  ) throws -> CollectiveReport {
    var timer = try CollectiveTimer(collective, byteCount: byteCount, on: communicator)
    timer.wire = wire
    var report = try timer.report(
      roundCount: roundCount ?? (byteCount > 8 << 20 ? 15 : 60),
      communication: communication.rawValue)
    let traffic = HostTraffic(communicator, membership)
    report.hostBytes = try traffic?.bytes { try timer.run() }
    return report
  }

  private func write(_ report: CollectiveReport, to output: TerminalOutput) throws {
    if isJSON { return try output.write(try report.json() + "\n") }
    let micro = { (seconds: Double) in "\(Quantity.fixed(seconds * 1e6, 2)) us" }
    try output.write(
      "\(report.operation) of \(report.bytes) bytes, \(report.ranks) ranks, \(report.communication): "
        + "median \(micro(report.secondsMedian)), best \(micro(report.secondsBest)), "
        + "bus \(Quantity.fixed(report.busBytesPerSecond * 1e-9, 2)) GB/s, "
        + "scaling in place \(micro(report.limitSeconds))\n")
  }
}
