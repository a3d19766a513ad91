import DeepEPTensors

extension Strategy: CustomStringConvertible, LosslessStringConvertible {
  /// The short form, such as `data=2,tensor=2,sequence-parallel,zero=3`; what is not said is one rank
  /// or off.
  public var description: String {
    var parts: [String] = []
    if data != 1 { parts.append("data=\(data)") }
    if tensor != 1 { parts.append("tensor=\(tensor)") }
    if sequenceParallel { parts.append("sequence-parallel") }
    if zero != 0 { parts.append("zero=\(zero)") }
    if secondary != 1 { parts.append("secondary=\(secondary)") }
    if precision != .float32 { parts.append("precision=\(precision)") }
    if compression != .none { parts.append("compress=\(compression.rawValue)") }
    return parts.isEmpty ? "data=1" : parts.joined(separator: ",")
  }

  /// The words of the short form.
  public static let words = [
    "data", "tensor", "sequence-parallel", "zero", "secondary", "precision", "compress",
  ]

  /// Reads the short form; nil if a word is unknown, said twice, or has no number.
  public init?(_ description: String) {
    self.init()
    var seen: Set<Substring> = []
    for part in description.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard let word = sides.first, sides.count <= 2, seen.insert(word).inserted,
        set(word, sides.dropFirst().first, isPlain: sides.count == 1)
      else { return nil }
    }
  }

  /// What is wrong with a short form in which a word has a value that is none of its choices; nil if it is
  /// something else.
  public static func mistake(in description: String) -> String? {
    let choices = [
      "precision": Precision.allCases.map(\.rawValue),
      "compress": Compression.allCases.map(\.rawValue),
    ]
    for part in description.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let known = choices[String(sides[0])] else { continue }
      let value = sides.count == 2 ? String(sides[1]) : ""
      if !known.contains(value) {
        return "\(sides[0]) is one of \(known.joined(separator: ", ")), not '\(value)'"
      }
    }
    return nil
  }

  private mutating func set(_ word: Substring, _ value: Substring?, isPlain: Bool) -> Bool {
    switch (word, value.flatMap { Int($0) }) {
    case ("data", let number?): data = number
    case ("tensor", let number?): tensor = number
    case ("zero", let number?): zero = number
    case ("secondary", let number?): secondary = number
    case ("sequence-parallel", nil) where isPlain: sequenceParallel = true
    case ("precision", nil):
      guard let found = value.flatMap({ Precision(word: String($0)) }) else { return false }
      precision = found
    case ("compress", nil):
      guard let found = value.flatMap({ Compression(rawValue: String($0)) }) else { return false }
      compression = found
    default: return false
    }
    return true
  }
}
