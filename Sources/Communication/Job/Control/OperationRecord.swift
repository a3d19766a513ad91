import DeepEPElements

/// An operation as the flight recorder keeps it: what it was, and when.
package struct OperationRecord: Hashable, Sendable {
  /// Its name, at most 16 bytes: "all-reduce".
  package var kind: String
  /// Counts the operations of its group, from zero.
  package var sequenceNumber: Int
  /// The bytes that this rank gave.
  package var byteCount: Int
  package var element: ElementType?
  package var reduction: CollectiveReduction?
  /// The rank that a broadcast comes from, or the peer of a message.
  package var root: Int?
  /// The number of its group; 0 is the whole job.
  package var group: Int
  /// How long before the record was read it began.
  package var startedSecondsAgo: Double
  /// How long before the record was read it ended; nil while it goes on.
  package var endedSecondsAgo: Double?

  /// Makes a record.
  package init(
    kind: String, sequenceNumber: Int, byteCount: Int = 0, element: ElementType? = nil,
    reduction: CollectiveReduction? = nil, root: Int? = nil, group: Int = 0,
    startedSecondsAgo: Double = 0, endedSecondsAgo: Double? = nil
  ) {
    self.kind = kind
    self.sequenceNumber = sequenceNumber
    self.byteCount = byteCount
    self.element = element
    self.reduction = reduction
    self.root = root
    self.group = group
    self.startedSecondsAgo = startedSecondsAgo
    self.endedSecondsAgo = endedSecondsAgo
  }

  /// What it was, for people: "all-reduce 17 (24 bytes, float32, sum)".
  package var operationText: String {
    let attributes = [
      byteCount == 0 ? nil : "\(byteCount) bytes", element?.rawValue, reduction?.rawValue,
      root.map { "root \($0)" }, group == 0 ? nil : "group \(group)",
    ].compactMap { $0 }
    let list = attributes.isEmpty ? "" : " (\(attributes.joined(separator: ", ")))"
    return "\(kind) \(sequenceNumber)\(list)"
  }

  /// What it was and when: "in all-reduce 17 (24 bytes, float32, sum) for 1.204 s".
  package var text: String {
    guard let endedSecondsAgo else {
      return "in \(operationText) for \(Self.text(startedSecondsAgo))"
    }
    return "\(operationText) ended \(Self.text(endedSecondsAgo)) before"
  }

  /// The record as it is some seconds later, if nothing has changed.
  func aged(bySeconds seconds: Double) -> OperationRecord {
    var record = self
    record.startedSecondsAgo += seconds
    record.endedSecondsAgo = endedSecondsAgo.map { $0 + seconds }
    return record
  }

  private static func text(_ seconds: Double) -> String {
    let milliseconds = Int(min(1e15, max(0, (seconds * 1000).rounded())))
    let fraction = String(milliseconds % 1000 + 1000).dropFirst()
    return "\(milliseconds / 1000).\(fraction) s"
  }
}

// MARK: Words

extension OperationRecord {
  /// A record as numbers of a fixed count, so that it can lie in memory that is shared.
  struct Words {
    static var count: Int { 8 }

    var name: (UInt64, UInt64) = (0, 0)
    var sequenceNumber: UInt64 = 0
    var byteCount: UInt64 = 0
    /// The element in the lowest byte, the reduction in the next, then the root, each plus one.
    var attributes: UInt64 = 0
    var group: UInt64 = 0
    /// Nanoseconds of the clock; an end of zero is none.
    var start: UInt64 = 0
    var end: UInt64 = 0

    init() {}

    /// Takes words in the order of ``all``; those that are missing are zero.
    init(_ words: [UInt64]) {
      guard words.count == Self.count else { return }
      name = (words[0], words[1])
      (sequenceNumber, byteCount, attributes) = (words[2], words[3], words[4])
      (group, start, end) = (words[5], words[6], words[7])
    }

    var all: [UInt64] {
      [name.0, name.1, sequenceNumber, byteCount, attributes, group, start, end]
    }

    /// Depends on all words but the end, which is written later.
    var check: UInt64 {
      let names = name.0 ^ (name.1 &* 3)
      let numbers = (sequenceNumber &* 5) ^ (byteCount &* 7)
      return names ^ numbers ^ (attributes &* 11) ^ (group &* 13) ^ (start &* 17)
    }
  }

  /// The parts of a record's words that do not change with time.
  static func words(
    _ kind: String, _ sequenceNumber: Int, _ byteCount: Int, _ element: ElementType?,
    _ reduction: CollectiveReduction?, _ root: Int?, _ group: Int
  ) -> Words {
    var words = Words()
    words.name = packed(kind)
    words.sequenceNumber = UInt64(clamping: sequenceNumber)
    words.byteCount = UInt64(clamping: byteCount)
    words.attributes =
      UInt64(code(element)) | UInt64(code(reduction)) << 8
      | UInt64(UInt32(clamping: (root ?? -1) + 1)) << 16
    words.group = UInt64(clamping: group)
    return words
  }

  /// Reads a record; what no rank wrote gives a record without meaning, never a trap.
  init(_ words: Words, now: UInt64) {
    self.init(
      kind: Self.unpacked(words.name), sequenceNumber: Int(clamping: words.sequenceNumber),
      byteCount: Int(clamping: words.byteCount),
      element: Self.decoded(words.attributes), reduction: Self.decoded(words.attributes >> 8),
      group: Int(clamping: words.group))
    let root = Int(UInt32(truncatingIfNeeded: words.attributes >> 16))
    self.root = root == 0 ? nil : root - 1
    startedSecondsAgo = Self.seconds(from: words.start, to: now)
    endedSecondsAgo = words.end == 0 ? nil : Self.seconds(from: words.end, to: now)
  }

  /// The words of a record as it was at `now`.
  func words(now: UInt64) -> Words {
    var words = Self.words(kind, sequenceNumber, byteCount, element, reduction, root, group)
    words.start = now - min(now, Self.nanoseconds(startedSecondsAgo))
    if let endedSecondsAgo { words.end = now - min(now - 1, Self.nanoseconds(endedSecondsAgo)) }
    return words
  }

  private static func seconds(from start: UInt64, to now: UInt64) -> Double {
    start > now ? 0 : Double(now - start) / 1e9
  }

  private static func nanoseconds(_ seconds: Double) -> UInt64 {
    UInt64(min(1e18, max(0, seconds * 1e9)))
  }

  /// The number of a case plus one, and 0 for none; Swift numbers cases that carry nothing, in a byte.
  @inline(__always)
  private static func code<Value: CaseIterable>(_ value: Value?) -> UInt8 {
    guard let value, MemoryLayout<Value>.size == 1 else { return 0 }
    return withUnsafeBytes(of: value) { $0[0] &+ 1 }
  }

  private static func decoded<Value: CaseIterable>(_ word: UInt64) -> Value? {
    let code = Int(word & 0xff)
    return code == 0 ? nil : Array(Value.allCases.dropFirst(code - 1)).first
  }

  private static func packed(_ name: String) -> (UInt64, UInt64) {
    var (name, words) = (name, (UInt64(0), UInt64(0)))
    name.withUTF8 { bytes in
      withUnsafeMutableBytes(of: &words) {
        $0.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes).prefix(16)))
      }
    }
    return (UInt64(littleEndian: words.0), UInt64(littleEndian: words.1))
  }

  private static func unpacked(_ words: (UInt64, UInt64)) -> String {
    let bytes = (0..<16).map { place in
      UInt8(truncatingIfNeeded: (place < 8 ? words.0 : words.1) >> (8 * UInt64(place % 8)))
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
