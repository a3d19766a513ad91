import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// One rank of a scenario, as a process of its own:
/// `deepep launch -n 4 -- DeepEPCommunicationRank NAME [TRANSPORT]`.
@main struct CommunicationRank {
  static func main() {
    let words = CommandLine.arguments.dropFirst()
    if words.first == "stream" {
      if let stream = Stream(Array(words.dropFirst())) { exit(stream.run()) }
      print("usage: DeepEPCommunicationRank stream TRANSPORT [NAME=VALUE...]")
      exit(2)
    }
    let names = Scenario.allCases.map(\.rawValue).joined(separator: "|")
    let arguments = Array(CommandLine.arguments.dropFirst()) + ["shared-memory"]
    guard let scenario = Scenario(rawValue: arguments[0]),
      let transport = CommunicationTransport(rawValue: arguments[1])
    else {
      print("usage: DeepEPCommunicationRank \(names) [shared-memory|tcp]")
      exit(2)
    }
    do {
      try run(scenario, transport)
    } catch {
      print("error: \(error)")
      exit(1)
    }
  }

  private static func run(_ scenario: Scenario, _ transport: CommunicationTransport) throws {
    let control = try Job.join()
    do {
      print(try scenario.run(transport.communicator(control)))
      control.leave()
    } catch let error as CommunicationError {
      throw control.fail(error)
    }
  }
}
