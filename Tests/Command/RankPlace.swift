import Foundation

/// Where ranks run, how they reach one another, and under which strategies.
///
/// A few of the strategies unless DEEPEP_STRATEGIES=all asks for every one, as `make strategies` does.
struct RankPlace: CustomStringConvertible {
  let ranks: Int
  let transport: String
  let hasTwoHosts: Bool
  /// Those that run in every test.
  private let few: [String]
  /// The one of them that runs twice.
  let repeated: String?

  static let all = [
    RankPlace(2, "shared-memory", ["data=2", "data=2,zero=3", "tensor=2,sequence-parallel"]),
    RankPlace(
      2, "tcp", ["data=2", "data=2,zero=3", "tensor=2,sequence-parallel"], "data=2,zero=3"),
    RankPlace(2, "ucx", ["data=2"]),
    RankPlace(4, "shared-memory", ["data=4,zero=2", "data=2,tensor=2,zero=1"], "data=4,zero=2"),
    RankPlace(4, "tcp", ["data=2,tensor=2,zero=1"]),
    RankPlace(
      4, "tcp", ["data=4,zero=1", "data=2,tensor=2,sequence-parallel,zero=3"], "data=4,zero=1",
      hasTwoHosts: true),
  ]

  private init(
    _ ranks: Int, _ transport: String, _ few: [String], _ repeated: String? = nil,
    hasTwoHosts: Bool = false
  ) {
    (self.ranks, self.transport, self.few, self.repeated) = (ranks, transport, few, repeated)
    self.hasTwoHosts = hasTwoHosts
  }

  static var isEverything: Bool {
    ProcessInfo.processInfo.environment["DEEPEP_STRATEGIES"] == "all"
  }

  var strategies: [String] {
    guard Self.isEverything else { return few }
    let data = (0...3).map { $0 == 0 ? "data=\(ranks)" : "data=\(ranks),zero=\($0)" }
    let tensor = ["tensor=\(ranks)", "tensor=\(ranks),sequence-parallel"]
    // Two ranks are no mesh of two axes.
    guard ranks == 4 else { return data + tensor }
    return data + tensor + [
      "data=2,tensor=2,zero=1", "data=2,tensor=2,sequence-parallel,zero=3",
      "data=4,zero=3,secondary=2",
    ]
  }

  var description: String { "\(ranks) ranks, \(transport)\(hasTwoHosts ? ", 2 hosts" : "")" }
}
