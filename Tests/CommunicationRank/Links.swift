import DeepEPCommunicationLinks
import Glibc

/// Hosts of a link laboratory for programs that are no test: benchmarks put ranks there by nsenter(1).
enum Links {
  /// `links HOSTS MEGABITS MICROSECONDS`: makes hosts whose links have a rate and a delay, and says where they are;
  /// answers each line of the standard input with the bytes that each has sent; ends with the input.
  static func serve(_ words: [String]) -> Int32 {
    guard let hosts = Int(words[0]), let megabits = Double(words[1]),
      let microseconds = Double(words[2]), (1...64).contains(hosts), megabits > 0, microseconds >= 0
    else {
      print("usage: DeepEPCommunicationRank links HOSTS MEGABITS MICROSECONDS")
      return 2
    }
    do {
      let laboratory = try LinkLaboratory(
        hostCount: hosts, megabitsPerSecond: megabits, delaySeconds: microseconds * 1e-6)
      say((0..<hosts).map { "\"\(laboratory.networkPath($0))\"" })
      while readLine() != nil { say(laboratory.sentBytes.map { "\($0)" }) }
      return 0
    } catch {
      print("{\"refusal\": \"\(error)\"}", terminator: "\n")
      return 1
    }
  }

  /// A list as a line of JSON, at once.
  private static func say(_ values: [String]) {
    print("[\(values.joined(separator: ", "))]")
    fflush(nil)
  }
}
