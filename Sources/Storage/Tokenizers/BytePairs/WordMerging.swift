/// One word while its pairs are merged: a list that shrinks, and the places where something can be merged.
struct WordMerging {
  private var tokens: [Int32]
  /// The places before and after each place; -1 and `tokens.count` are the ends.
  private var previous: [Int]
  private var next: [Int]

  /// A merge that is possible at a place, if nothing there has changed since.
  private struct Candidate {
    var rank: Int32
    var place: Int
    var pair: UInt64
  }

  init(_ tokens: [Int32]) {
    self.tokens = tokens
    previous = tokens.indices.map { $0 - 1 }
    next = tokens.indices.map { $0 + 1 }
  }

  /// The tokens after all merges, the lowest rank first, and of one rank the first in the word.
  mutating func merged(
    by merges: [BytePairTokenizer.Merge], _ rankOfPair: [UInt64: Int32]
  ) -> [Int32] {
    var candidates = PriorityQueue<Candidate> { ($0.rank, $0.place) < ($1.rank, $1.place) }
    let look = { (word: WordMerging, place: Int, queue: inout PriorityQueue<Candidate>) in
      guard let pair = word.pair(at: place), let rank = rankOfPair[pair] else { return }
      queue.insert(Candidate(rank: rank, place: place, pair: pair))
    }
    for place in tokens.indices { look(self, place, &candidates) }
    while let candidate = candidates.popFirst() {
      guard pair(at: candidate.place) == candidate.pair else { continue }
      merge(at: candidate.place, to: merges[Int(candidate.rank)].result)
      look(self, candidate.place, &candidates)
      look(self, previous[candidate.place], &candidates)
    }
    return tokens.filter { $0 >= 0 }
  }

  /// The tokens at a place and after it; nil if one of them is not there.
  private func pair(at place: Int) -> UInt64? {
    guard place >= 0, tokens[place] >= 0, next[place] < tokens.count else { return nil }
    return BytePairTokenizer.pair(tokens[place], tokens[next[place]])
  }

  private mutating func merge(at place: Int, to token: Int32) {
    let gone = next[place]
    tokens[place] = token
    tokens[gone] = -1
    next[place] = next[gone]
    if next[gone] < tokens.count { previous[next[gone]] = place }
  }
}
