import DeepEPExecution

/// Something that a rank has found at a place that all ranks count alike, such as the number of an instruction.
struct Finding {
  var place: Int
  /// For people.
  var text: String

  private static var textBytes: Int { 1024 }

  /// The first that any rank has found, the same on all of them, with the rank's number; collective over the ranks.
  ///
  /// - Throws: ``CommunicationError`` if a rank has failed.
  static func first(_ own: Finding?, among ranks: RankCommunicators?) throws -> Finding? {
    guard let ranks else { return own }
    let none = Int64.max
    let mine = own.map { Int64($0.place * ranks.all.rankCount + ranks.rank) } ?? none
    var order = mine
    try withUnsafeBytes(of: mine) { source in
      try withUnsafeMutableBytes(of: &order) {
        try ranks.all.allReduce(source, into: $0, element: .int64, reduction: .minimum)
      }
    }
    guard order != none else { return nil }
    let (place, rank) = Int(order).quotientAndRemainder(dividingBy: ranks.all.rankCount)
    var bytes = Array((own?.text ?? "").utf8.prefix(textBytes))
    bytes += Array(repeating: 0, count: textBytes - bytes.count)
    try bytes.withUnsafeMutableBytes { try ranks.all.broadcast($0, root: rank) }
    let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    return Finding(place: place, text: "\(text), on rank \(rank)")
  }
}
