import Foundation
import Testing

/// What Perfetto and chrome://tracing ask of a file (Trace Event Format, Google 2016), for the kinds of events that
/// deepep writes.
enum TraceSchema {
  private typealias Lane = [Int]

  /// What is wrong with a file, in words; nothing if it is right.
  static func problems(_ file: Data) throws -> [String] {
    guard let top = try JSONSerialization.jsonObject(with: file) as? [String: Any],
      let events = top["traceEvents"] as? [[String: Any]], !events.isEmpty
    else { return ["no object with an array of traceEvents"] }
    let units = ["ms", "ns"]
    let unit = units.contains(top["displayTimeUnit"] as? String ?? "") ? [] : ["no unit of time"]
    return unit + events.flatMap(problems) + overlaps(events) + namelessLanes(events)
  }

  private static func problems(_ event: [String: Any]) -> [String] {
    guard let phase = event["ph"] as? String, let name = event["name"] as? String, !name.isEmpty,
      event["pid"] is Int, event["tid"] is Int, let arguments = event["args"] as? [String: Any]
    else { return ["a field that every event has is missing: \(event)"] }
    switch phase {
    case "X":
      let (start, duration) = (event["ts"] as? Double, event["dur"] as? Double)
      return start ?? -1 >= 0 && duration ?? -1 >= 0 ? [] : ["no time: \(event)"]
    case "M":
      let isKnown = ["process_name", "thread_name"].contains(name)
      return isKnown && arguments["name"] is String ? [] : ["no metadata: \(event)"]
    default: return ["unknown kind of event: \(event)"]
    }
  }

  private static func lane(_ event: [String: Any]) -> Lane {
    [event["pid"] as? Int ?? -1, event["tid"] as? Int ?? -1]
  }

  private static func complete(_ events: [[String: Any]]) -> [[String: Any]] {
    events.filter { $0["ph"] as? String == "X" }
  }

  /// Events of a lane follow one another: of those that cross Perfetto drops one.
  private static func overlaps(_ events: [[String: Any]]) -> [String] {
    Dictionary(grouping: complete(events), by: lane).values.flatMap { events -> [String] in
      let times = events.compactMap { event -> (start: Double, end: Double)? in
        guard let start = event["ts"] as? Double, let duration = event["dur"] as? Double else {
          return nil
        }
        return (start, start + duration)
      }
      // To the nanoseconds of the file.
      return zip(times, times.dropFirst()).filter { $1.start < $0.end - 0.002 }
        .map { "an event ends at \($0.end), the next one begins at \($1.start)" }
    }
  }

  private static func namelessLanes(_ events: [[String: Any]]) -> [String] {
    let named = Set(events.filter { $0["name"] as? String == "thread_name" }.map(lane))
    return Set(complete(events).map(lane)).subtracting(named).map { "lane \($0) has no name" }
  }
}
