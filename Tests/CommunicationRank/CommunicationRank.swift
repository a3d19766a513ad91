import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// One rank of a scenario, as a process of its own: `deepep launch -n 4 -- DeepEPCommunicationRank NAME`.
@main struct CommunicationRank {
  static func main() {
    let names = Scenario.allCases.map(\.rawValue).joined(separator: "|")
    guard CommandLine.arguments.count == 2,
      let scenario = Scenario(rawValue: CommandLine.arguments[1])
    else {
      print("usage: DeepEPCommunicationRank \(names)")
      exit(2)
    }
    do {
      try run(scenario)
    } catch {
      print("error: \(error)")
      exit(1)
    }
  }

  private static func run(_ scenario: Scenario) throws {
    let control = try Job.join()
    do {
      print(try scenario.run(SharedMemory.communicator(control)))
      control.leave()
    } catch let error as CommunicationError {
      throw control.fail(error)
    }
  }
}
