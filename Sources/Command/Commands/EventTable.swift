import DeepEPEvents
import DeepEPTraining

/// Where time went, by kernel and phase.
struct EventTable {
  private let rows: [(name: String, seconds: Double, count: Int, flops: Double, bytes: Int)]

  init(_ events: [Event]) {
    var totals: [String: (seconds: Double, count: Int, flops: Double, bytes: Int)] = [:]
    // A step is the sum of its instructions.
    for event in events where event.queue != .host {
      let phase = event.phase.map(String.init) ?? ""
      let layer = event.path.split(separator: " ").first.map { EventTable.layer(String($0)) } ?? ""
      let old = totals["\(event.name) \(phase) \(layer)", default: (0, 0, 0, 0)]
      totals["\(event.name) \(phase) \(layer)"] = (
        old.seconds + event.durationSeconds, old.count + 1, old.flops + event.flops,
        old.bytes + event.bytes
      )
    }
    rows = totals.map { ($0.key, $0.value.seconds, $0.value.count, $0.value.flops, $0.value.bytes) }
      .sorted { $0.seconds > $1.seconds }
  }

  /// A path without the numbers of blocks.
  private static func layer(_ path: String) -> String {
    path.split(separator: ".").filter { Int($0) == nil }.joined(separator: ".")
  }

  /// A line for each kernel, the slowest first.
  var text: String {
    rows.prefix(40).map { row in
      "\(Quantity.fixed(row.seconds * 1000, 2)) ms  \(row.count)x  "
        + "\(Quantity.fixed(row.flops / row.seconds / 1e9, 1)) gflops  "
        + "\(Quantity.fixed(Double(row.bytes) / row.seconds / 1e9, 1)) GB/s  \(row.name)\n"
    }.joined()
  }
}
