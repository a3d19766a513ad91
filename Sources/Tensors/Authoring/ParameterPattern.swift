/// Some of a model's parameters, by name: that of a parameter, or the path of a module, in which `*` stands for
/// any text.
///
/// `transformer.h.0` is all of a block, `*.ln_1` the first norm of every block, `model.layers.*.q_proj.weight` all
/// projections to queries.
public struct ParameterPattern: Hashable, Sendable {
  /// The pattern as it is written.
  public let text: String

  /// Makes a pattern.
  public init(_ text: String) { self.text = text }

  /// Whether a name is that of a parameter which the pattern means, or which is in a module that it means.
  public func matches(_ name: String) -> Bool {
    let pieces = text.split(separator: "*", omittingEmptySubsequences: false)
    var path = Substring(name)
    while !path.isEmpty {
      if Self.matches(path, pieces) { return true }
      path = path.lastIndex(of: ".").map { path[..<$0] } ?? ""
    }
    return false
  }

  /// Whether a text is made of pieces with anything between two of them.
  private static func matches(_ text: Substring, _ pieces: [Substring]) -> Bool {
    guard pieces.count > 1, let first = pieces.first, let last = pieces.last else {
      return text == pieces.first
    }
    guard text.count >= first.count + last.count, text.hasPrefix(first), text.hasSuffix(last)
    else { return false }
    var rest = text.dropFirst(first.count).dropLast(last.count)
    for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
      guard let found = rest.firstRange(of: piece) else { return false }
      rest = rest[found.upperBound...]
    }
    return true
  }
}

extension ParameterPattern: ExpressibleByStringLiteral, CustomStringConvertible {
  /// The pattern of a literal.
  public init(stringLiteral text: String) { self.init(text) }

  /// As it is written.
  public var description: String { text }
}

extension ParameterPattern: Codable {
  /// Reads the text.
  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode(String.self))
  }

  /// Writes the text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
