/// Things made for a structure, kept until too many others were used since.
package struct StructureCache<Key: Hashable, Made> {
  private var entries: [Key: (made: Made, lastUse: Int)] = [:]
  private var useCount = 0
  private let capacity: Int
  /// How often something was made: the number of distinct structures, as long as none fell out.
  package private(set) var makeCount = 0

  /// Makes a cache that keeps at most `capacity` things.
  package init(capacity: Int) { self.capacity = max(1, capacity) }

  /// What was made for a key, or is made now; then the one not used for longest falls out of a full
  /// cache.
  package mutating func value(for key: Key, make: () throws -> Made) rethrows -> Made {
    useCount += 1
    if let known = entries[key] {
      entries[key]?.lastUse = useCount
      return known.made
    }
    let made = try make()
    makeCount += 1
    if entries.count >= capacity,
      let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    {
      entries[oldest.key] = nil
    }
    entries[key] = (made, useCount)
    return made
  }
}
