/// Which positions of a sequence a position sees in attention.
public enum AttentionMask: Hashable, Codable, Sendable {
  /// All of them.
  case none
  /// Itself and those before it.
  case causal
  /// Itself and those before it, so many altogether (Beltagy et al.: Longformer, 2020; Jiang et al.:
  /// Mistral 7B, 2023).
  case window(length: Int)

  /// Whether only a number of positions is seen.
  var isWindow: Bool {
    if case .window = self { true } else { false }
  }

  /// What a key has to be for a query to see it, all of it: Booleans of the shape of both.
  package func conditions(queries: Tensor, keys: Tensor) -> [Tensor] {
    var all: [Tensor] = []
    if self != .none { all.append(queries.compare(.greaterOrEqual, keys)) }
    if case .window(let length) = self {
      all.append(queries.compare(.less, keys + Double(length)))
    }
    return all
  }
}
