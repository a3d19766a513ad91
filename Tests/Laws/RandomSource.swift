import DeepEPTensors

/// Random numbers that are the same for the same seed.
package struct RandomSource {
  private let key: UInt64
  private var count = 0

  /// Starts a sequence.
  package init(seed: UInt64) { key = seed }

  /// The next 64 random bits.
  package mutating func next() -> UInt64 {
    defer { count += 1 }
    return Random.word(key, count)
  }

  /// A number from zero to below `limit`.
  package mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(1, limit))) }

  /// A float32 number between -1 and 1, in steps of 2⁻¹⁶.
  package mutating func unit() -> Double { Double(below(1 << 17) - (1 << 16)) * 0x1p-16 }

  /// True once in `count` times.
  package mutating func once(in count: Int) -> Bool { below(count) == 0 }

  /// One of several.
  package mutating func pick<Element>(_ all: [Element]) -> Element { all[below(all.count)] }

  /// The same elements in another order.
  package mutating func shuffled<Element>(_ all: [Element]) -> [Element] {
    var (rest, result) = (all, [Element]())
    while !rest.isEmpty { result.append(rest.remove(at: below(rest.count))) }
    return result
  }
}
