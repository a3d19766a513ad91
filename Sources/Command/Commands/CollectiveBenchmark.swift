import DeepEPCommunication
import DeepEPTraining

/// `deepep benchmark all-reduce` and its like: how fast ranks exchange bytes.
struct CollectiveBenchmark {
  let collective: TimedCollective
  var byteCount = 64 << 20
  var rankCount = 2
  var communication = CommunicationTransport.sharedMemory
  var isJSON = false

  /// Runs the ranks as threads of this process, each of which maps the memory of all.
  func run(output: TerminalOutput) throws {
    try communication.check()
    let controls = LocalJobControl.job(hosts: [rankCount])
    let reports = try LocalGroup.run(rankCount: rankCount) { thread in
      let communicator =
        communication == .local ? thread : try SharedMemory.communicator(controls[thread.rank])
      return try report(communicator)
    }
    guard let report = reports.first else { return }
    try write(report, to: output)
  }

  private func report(_ communicator: any Communicator) throws -> CollectiveReport {
    let timer = try CollectiveTimer(collective, byteCount: byteCount, on: communicator)
    return try timer.report(
      roundCount: byteCount > 8 << 20 ? 15 : 60, communication: communication.rawValue)
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
