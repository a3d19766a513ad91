import DeepEPCommunication
import DeepEPCompute
import DeepEPEvents
import DeepEPTraining
import FoundationEssentials
import Glibc

/// `deepep benchmark wait`: what a rank takes of its processor while it waits for another one.
struct WaitBenchmark {
  var communication = CommunicationTransport.tcp
  var roundCount = 3
  var isJSON = false

  /// How late the last rank comes.
  private static var lateMicroseconds: UInt32 { 1_000_000 }

  func run(output: TerminalOutput) throws {
    let control = try Job.join { try? TerminalOutput.error.write("deepep: \($0)\n") }
    do {
      let world = try communication.communicator(control)
      let report = try report(world)
      if world.rank == 0 { try write(report, to: output) }
      control.leave()
    } catch let error as CommunicationError {
      throw control.fail(error)
    }
  }

  private func report(_ world: any Communicator) throws -> WaitReport {
    guard world.rankCount > 1 else {
      throw CommunicationError(
        "one rank has nobody to wait for", at: "benchmark wait",
        fix: "start several: deepep launch -n 2 -- benchmark wait")
    }
    // The first round touches memory and opens connections.
    let rounds = try (0...roundCount).map { _ in try round(world) }.dropFirst()
    let sorted = rounds.sorted { $0.processorSeconds < $1.processorSeconds }
    var report = sorted[sorted.count / 2]
    report.communication = communication.rawValue
    return report
  }

  /// All but the last rank wait for it in a sum; the figures are those of the rank that takes most of its processor.
  private func round(_ world: any Communicator) throws -> WaitReport {
    try world.barrier()
    let (start, processor) = (Clock.seconds, Self.processorSeconds)
    if world.rank == world.rankCount - 1 { usleep(Self.lateMicroseconds) }
    _ = try maximum(0, on: world)
    let seconds = Clock.seconds - start
    return WaitReport(
      processor: Processor().name, ranks: world.rankCount, seconds: try maximum(seconds, on: world),
      processorSeconds: try maximum(Self.processorSeconds - processor, on: world))
  }

  private func maximum(_ value: Double, on world: any Communicator) throws -> Double {
    var value = value
    try withUnsafeMutableBytes(of: &value) {
      try world.allReduce(
        UnsafeRawBufferPointer($0), into: $0, element: .float64, reduction: .maximum)
    }
    return value
  }

  /// What all threads of this process have taken, in user mode and in the kernel.
  private static var processorSeconds: Double {
    var usage = rusage()
    getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(0) {
      $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6
    }
  }

  private func write(_ report: WaitReport, to output: TerminalOutput) throws {
    if isJSON { return try output.write(try report.json() + "\n") }
    try output.write(
      "\(report.ranks) ranks, \(report.communication): waiting "
        + "\(Quantity.fixed(report.seconds, 2)) s for the last one takes "
        + "\(Quantity.fixed(report.processorSeconds * 1e3, 1)) ms of a processor\n")
  }
}

/// What waiting has taken.
struct WaitReport: Codable {
  var processor: String
  var communication = ""
  var ranks: Int
  /// How long the ranks waited.
  var seconds: Double
  /// Of the rank that took most.
  var processorSeconds: Double

  enum CodingKeys: String, CodingKey {
    case processor, communication, ranks, seconds
    case processorSeconds = "processor_seconds"
  }

  /// One line of JSON.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
