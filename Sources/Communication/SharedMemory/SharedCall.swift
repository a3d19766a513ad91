import DeepEPElements

/// A call as it lies in shared memory: four words that the ranks compare, and four that are each rank's own.
struct SharedCall {
  /// The bytes of a call: a line of the cache.
  static var byteCount: Int { 64 }
  /// The place of a buffer that is not in the arena.
  static var nowhere: Int { -1 }
  /// The place of a source that the rank has copied into its slot.
  static var copied: Int { -2 }

  /// Kind, element, reduction and root.
  var attributes: UInt64 = 0
  var sequenceNumber = 0
  var byteCount = 0
  var outerCount = 0
  /// Where the source lies in the rank's segment.
  var source = nowhere
  var destination = nowhere
  /// Where the rank puts pieces of private buffers.
  var staging = nowhere
  /// When the rank came, in nanoseconds.
  var arrival: UInt64 = 0

  init(_ call: CollectiveCall) {
    attributes =
      UInt64(Self.code(call.kind)) | UInt64(Self.code(call.element)) << 8
      | UInt64(Self.code(call.reduction)) << 16
      | UInt64(UInt32(truncatingIfNeeded: (call.root ?? -1) + 1)) << 32
    sequenceNumber = call.sequenceNumber
    byteCount = call.byteCount
    outerCount = call.outerCount.map { $0 + 1 } ?? 0
  }

  /// Whether two ranks call the same.
  func matches(_ other: SharedCall) -> Bool {
    attributes == other.attributes && sequenceNumber == other.sequenceNumber
      && byteCount == other.byteCount && outerCount == other.outerCount
  }

  /// The call, for messages; what no rank wrote is some call, never a trap.
  var call: CollectiveCall {
    var call = CollectiveCall(
      kind: Self.decoded(attributes) ?? .barrier, sequenceNumber: sequenceNumber,
      byteCount: byteCount)
    call.element = Self.decoded(attributes >> 8)
    call.reduction = Self.decoded(attributes >> 16)
    call.outerCount = outerCount > 0 ? outerCount - 1 : nil
    let root = Int(attributes >> 32)
    call.root = root > 0 ? root - 1 : nil
    return call
  }

  /// The number of a case plus one, and 0 for none; Swift numbers cases that carry nothing, in a byte.
  @inline(__always)
  private static func code<Value>(_ value: Value?) -> UInt8 {
    guard let value, MemoryLayout<Value>.size == 1 else { return 0 }
    return withUnsafeBytes(of: value) { $0[0] &+ 1 }
  }

  private static func decoded<Value: CaseIterable>(_ word: UInt64) -> Value? {
    let code = Int(word & 0xff)
    return code == 0 ? nil : Array(Value.allCases.dropFirst(code - 1)).first
  }
}
