/// Finds the merges of a text: again and again the pair of tokens that is most frequent within words.
///
/// Of pairs that are equally frequent, the one with the lower tokens is merged, as the `tokenizers` package does it.
struct BytePairTraining {
  /// A pair and how often it was there when this was written down.
  private struct Candidate {
    var count: Int
    var pair: UInt64
  }

  private var words: [[Int32]] = []
  private var wordCounts: [Int] = []
  private var pairCounts: [UInt64: Int] = [:]
  private var wordsOfPair: [UInt64: Set<Int>] = [:]
  private var candidates = PriorityQueue<Candidate> {
    $0.count == $1.count ? $0.pair < $1.pair : $0.count > $1.count
  }
  private var tokens: [[UInt8]]
  private var tokenOfBytes: [[UInt8]: Int32] = [:]
  private var merges: [BytePairTokenizer.Merge] = []

  /// Counts the words of texts in UTF-8.
  init(_ texts: [[UInt8]]) {
    let alphabet = ByteAlphabet()
    tokens = alphabet.bytes.map { [$0] }
    for (token, bytes) in tokens.enumerated() { tokenOfBytes[bytes] = Int32(token) }
    var counts: [ArraySlice<UInt8>: Int] = [:]
    for text in texts {
      var scanner = WordScanner(text)
      while let word = scanner.next() { counts[word, default: 0] += 1 }
    }
    for (word, count) in counts {
      words.append(word.map { alphabet.tokens[Int($0)] })
      wordCounts.append(count)
    }
    for index in words.indices { note(words[index], of: index, times: wordCounts[index]) }
    for (pair, count) in pairCounts { candidates.insert(Candidate(count: count, pair: pair)) }
  }

  /// Merges until there are as many tokens as asked for, or nothing is left to merge.
  mutating func tokenizer(vocabularySize: Int) throws -> BytePairTokenizer {
    while tokens.count < vocabularySize - 1, let next = candidates.popFirst() {
      let count = pairCounts[next.pair] ?? 0
      if count == next.count, count > 0 {
        merge(next.pair)
      } else if count > 0 {
        candidates.insert(Candidate(count: count, pair: next.pair))
      }
    }
    let name = BytePairTokenizer.endOfTextName
    return try BytePairTokenizer(
      tokens: tokens + [Array(name.utf8)], merges: merges,
      specialTokens: [name: Int32(tokens.count)])
  }

  /// Counts the pairs of a word, or takes them off again.
  private mutating func note(_ word: [Int32], of index: Int, times count: Int) {
    for (first, second) in zip(word, word.dropFirst()) {
      let pair = BytePairTokenizer.pair(first, second)
      pairCounts[pair, default: 0] += count
      if count > 0 { wordsOfPair[pair, default: []].insert(index) }
    }
  }

  private mutating func merge(_ pair: UInt64) {
    let first = Int32(bitPattern: UInt32(pair >> 32))
    let second = Int32(bitPattern: UInt32(truncatingIfNeeded: pair))
    let result = token(tokens[Int(first)] + tokens[Int(second)])
    merges.append(.init(first: first, second: second, result: result))
    var changed: Set<UInt64> = []
    for index in wordsOfPair.removeValue(forKey: pair) ?? [] {
      let new = BytePairTraining.replacing(first, second, by: result, in: words[index])
      note(words[index], of: index, times: -wordCounts[index])
      note(new, of: index, times: wordCounts[index])
      words[index] = new
      for (one, other) in zip(new, new.dropFirst()) where one == result || other == result {
        changed.insert(BytePairTokenizer.pair(one, other))
      }
    }
    pairCounts[pair] = nil
    for pair in changed {
      candidates.insert(Candidate(count: pairCounts[pair] ?? 0, pair: pair))
    }
  }

  /// The token of some bytes, which is new unless other merges have led to them before.
  private mutating func token(_ bytes: [UInt8]) -> Int32 {
    if let known = tokenOfBytes[bytes] { return known }
    let token = Int32(tokens.count)
    tokens.append(bytes)
    tokenOfBytes[bytes] = token
    return token
  }

  private static func replacing(
    _ first: Int32, _ second: Int32, by result: Int32, in word: [Int32]
  ) -> [Int32] {
    var new: [Int32] = []
    var index = 0
    while index < word.count {
      if word[index] == first, index + 1 < word.count, word[index + 1] == second {
        new.append(result)
        index += 2
      } else {
        new.append(word[index])
        index += 1
      }
    }
    return new
  }
}

extension BytePairTokenizer {
  /// Finds the tokens of texts; the last one is ``endOfText``.
  ///
  /// - Parameters:
  ///   - texts: Texts in UTF-8.
  ///   - vocabularySize: How many tokens there may be: the 256 bytes, merges and the end of a text. There are fewer if the
  ///     texts have nothing more to merge.
  /// - Throws: ``StorageError`` if the size is less than 257 or more than 2²⁴.
  public init(trainingOn texts: [[UInt8]], vocabularySize: Int) throws {
    guard (257...1 << 24).contains(vocabularySize) else {
      throw StorageError(
        "a vocabulary of \(vocabularySize) tokens", at: "byte pair tokenizer",
        fix: "use at least 257, one for each byte and the end of a text, and at most \(1 << 24)")
    }
    var training = BytePairTraining(texts)
    self = try training.tokenizer(vocabularySize: vocabularySize)
  }
}
