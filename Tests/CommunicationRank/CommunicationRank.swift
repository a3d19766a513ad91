import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// One rank of a scenario, as a process of its own:
/// `deepep launch -n 4 -- DeepEPCommunicationRank NAME [TRANSPORT [SEED]]`.
@main struct CommunicationRank {
  static func main() {
    if let status = status(of: Array(CommandLine.arguments.dropFirst())) { exit(status) }
    let names = Scenario.allCases.map(\.rawValue).joined(separator: "|")
    let arguments = Array(CommandLine.arguments.dropFirst()) + ["shared-memory"]
    guard let scenario = Scenario(rawValue: arguments[0]),
      let transport = CommunicationTransport(rawValue: arguments[1])
    else {
      print("usage: DeepEPCommunicationRank \(names) [COMMUNICATION [SEED]]")
      exit(2)
    }
    do {
      try run(scenario, transport, seed: arguments.dropFirst(2).first.flatMap { Int($0) } ?? 0)
    } catch {
      print("error: \(error)")
      exit(1)
    }
  }

  /// The exit status of what is no scenario; nil for one.
  private static func status(of words: [String]) -> Int32? {
    switch (words.first, words.count) {
    case ("stream", _):
      if let stream = Stream(Array(words.dropFirst())) { return stream.run() }
      print("usage: DeepEPCommunicationRank stream TRANSPORT [NAME=VALUE...]")
      return 2
    case ("links", 4): return Links.serve(Array(words.dropFirst()))
    case ("relay-host", 2): return UInt16(words[1]).map { Relay.serve(port: $0) } ?? 2
    case ("relay", 4): return UInt16(words[2]).map { Relay.call(words[1], $0, words[3]) } ?? 2
    default: return nil
    }
  }

  private static func run(
    _ scenario: Scenario, _ transport: CommunicationTransport, seed: Int
  ) throws {
    let control = try Job.join { notice in
      let line = Array("deepep: \(notice)\n".utf8)
      write(STDERR_FILENO, line, line.count)
    }
    do {
      var messages = MessageOptions()
      if let algorithm = scenario.algorithm { messages.algorithms = AlgorithmTable(algorithm) }
      let world = try transport.communicator(control, messages: messages)
      print(try scenario.run(world, control.membership, seed: seed))
      control.leave()
    } catch let error as CommunicationError {
      throw control.fail(error)
    }
  }
}
