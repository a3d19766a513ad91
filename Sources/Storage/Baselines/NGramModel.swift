import Glibc

/// A language model of counts: what a neural one has to beat.
///
/// The probability of a token given the `order - 1` tokens before it, with interpolated modified
/// Kneser-Ney smoothing (Chen and Goodman, "An empirical study of smoothing techniques for
/// language modeling", 1998, section 3): counts are discounted by an amount that depends on
/// whether they are 1, 2 or more, and what is taken away goes to the next shorter context.
public struct NGramModel: Sendable {
  /// The number of tokens of the longest n-gram: the one that is predicted and its context.
  public let order: Int
  /// The number of different tokens.
  public let vocabularySize: Int
  private let trie: NGramTrie
  private let smoothing: KneserNey

  /// Counts the n-grams of `tokens`, which are 0 ..< `vocabularySize`.
  ///
  /// Throws ``StorageError`` if the order is not 1 to 16, or there are no tokens or more
  /// than 2^31 / `order`.
  public init(
    _ tokens: ArraySlice<Int32>, vocabularySize: Int, order: Int = 5
  ) throws {
    guard (1...16).contains(order), vocabularySize > 0,
      (1..<Int(Int32.max) / order).contains(tokens.count)
    else {
      throw StorageError(
        "an order of \(order), \(tokens.count) tokens and a vocabulary of \(vocabularySize)",
        at: "n-gram model",
        fix: "use an order of 1 to 16 and a text that is neither empty nor above 100 MB")
    }
    (self.order, self.vocabularySize) = (order, vocabularySize)
    trie = NGramTrie(tokens, order: order)
    smoothing = KneserNey(trie, order: order)
  }

  /// The mean of -ln p over `tokens`, in nats a token; each is predicted from those before it.
  ///
  /// The first tokens are predicted from shorter contexts. Zero if there are no tokens.
  public func crossEntropyNats(_ tokens: ArraySlice<Int32>) -> Double {
    var contexts = [NGramTrie.root]
    var sum = 0.0
    for token in tokens {
      sum -= log(probability(of: token, after: contexts))
      contexts = extended(contexts, by: token)
    }
    return tokens.isEmpty ? 0 : sum / Double(tokens.count)
  }

  /// The probability of `token` after the tokens `history`, of which the last ones count.
  public func probability(of token: Int32, following history: [Int32]) -> Double {
    let contexts = history.reduce([NGramTrie.root]) { extended($0, by: $1) }
    return probability(of: token, after: contexts)
  }

  /// Interpolates from the uniform distribution up to the longest known context.
  private func probability(of token: Int32, after contexts: [Int32]) -> Double {
    var probability = 1 / Double(vocabularySize)
    for context in contexts {
      guard smoothing.total(of: context) > 0 else { break }
      let node = trie.child(of: context, token)
      probability = smoothing.probability(of: node, after: context, shorter: probability)
    }
    return probability
  }

  /// The known contexts, by length, that end with `token`.
  private func extended(_ contexts: [Int32], by token: Int32) -> [Int32] {
    var next = [NGramTrie.root]
    for context in contexts where next.count < order {
      guard let node = trie.child(of: context, token) else { break }
      next.append(node)
    }
    return next
  }
}
