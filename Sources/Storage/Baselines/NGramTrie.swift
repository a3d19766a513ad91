/// The n-grams of a text up to a length, each with the number of times it appears.
///
/// A node is an n-gram; its parent is the n-gram without the last token. Node 0 is the empty one.
/// Children are found in one hash table with linear probing.
struct NGramTrie: Sendable {
  /// The parent of each node.
  private(set) var parents: [Int32] = [-1]
  /// The number of tokens of each node.
  private(set) var lengths: [UInt8] = [0]
  /// How often each node appears.
  private(set) var counts: [Int32] = [0]
  /// How many different tokens precede each node.
  private(set) var precedingCounts: [Int32] = [0]
  private var keys: [UInt64]
  private var children: [Int32]
  private var mask: Int

  static let root: Int32 = 0

  /// Counts all n-grams of 1 to `order` tokens of `tokens`.
  init(_ tokens: ArraySlice<Int32>, order: Int) {
    mask = (1 << 16) - 1
    keys = [UInt64](repeating: 0, count: mask + 1)
    children = [Int32](repeating: -1, count: mask + 1)
    var suffixes = [NGramTrie.root]  // by length, those that end before the token
    for token in tokens { suffixes = count(token, after: suffixes, order: order) }
  }

  /// The child of `node` for `token`, if the text has it.
  func child(of node: Int32, _ token: Int32) -> Int32? {
    let slot = slot(NGramTrie.key(node, token))
    return children[slot] < 0 ? nil : children[slot]
  }

  /// Counts the n-grams that end with `token`; returns the ones that a following token extends.
  private mutating func count(_ token: Int32, after suffixes: [Int32], order: Int) -> [Int32] {
    var next = suffixes
    var shorter = NGramTrie.root
    for (length, suffix) in suffixes.enumerated() {
      let (node, isNew) = insert(token, after: suffix)
      counts[Int(node)] += 1
      if isNew { precedingCounts[Int(shorter)] += 1 }
      if length + 1 < next.count {
        next[length + 1] = node
      } else if length + 1 < order {
        next.append(node)
      }
      shorter = node
    }
    return next
  }

  private mutating func insert(_ token: Int32, after parent: Int32) -> (node: Int32, isNew: Bool) {
    let key = NGramTrie.key(parent, token)
    let slot = slot(key)
    if children[slot] >= 0 { return (children[slot], false) }
    let node = Int32(parents.count)
    parents.append(parent)
    lengths.append(lengths[Int(parent)] + 1)
    counts.append(0)
    precedingCounts.append(0)
    (keys[slot], children[slot]) = (key, node)
    if parents.count * 2 > keys.count { grow() }
    return (node, true)
  }

  private mutating func grow() {
    let (oldKeys, oldChildren) = (keys, children)
    mask = mask * 2 + 1
    keys = [UInt64](repeating: 0, count: mask + 1)
    children = [Int32](repeating: -1, count: mask + 1)
    for (key, child) in zip(oldKeys, oldChildren) where child >= 0 {
      let slot = slot(key)
      (keys[slot], children[slot]) = (key, child)
    }
  }

  /// Where `key` is, or would be.
  private func slot(_ key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: Mixer.mix(key)) & mask
    while children[slot] >= 0, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  private static func key(_ node: Int32, _ token: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 32 | UInt64(UInt32(bitPattern: token))
  }
}
