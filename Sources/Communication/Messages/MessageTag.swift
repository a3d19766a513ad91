import DeepEPElements

/// The label of a message: the operation that it belongs to, and its place among the operation's messages.
///
/// It has 64 bits, which every transport can carry: from the lowest, 12 of the step, 20 of the sequence number,
/// 4 of the kind, 4 of the element, 3 of the reduction and 21 that depend on all else.
/// Receivers compare it with the label that they expect, so ranks that are out of step are found.
struct MessageTag: Hashable, Sendable {
  let bits: UInt64

  /// Reads a label that came from outside; every number is one.
  init(bits: UInt64) { self.bits = bits }

  /// The label of the first message of an operation.
  init(_ call: CollectiveCall) {
    let attributes =
      Self.code(call.kind) | Self.code(call.element) << 4 | Self.code(call.reduction) << 8
    let number = UInt64(truncatingIfNeeded: call.sequenceNumber) & 0xf_ffff
    bits = number << 12 | attributes << 32 | Self.check(call) << 43
  }

  /// The label of another message of the same operation.
  func step(_ step: Int) -> MessageTag {
    MessageTag(bits: bits & ~0xfff | UInt64(truncatingIfNeeded: step) & 0xfff)
  }

  /// Whether two messages belong to the same operation.
  func isSameOperation(as other: MessageTag) -> Bool { bits >> 12 == other.bits >> 12 }

  /// The operation as far as the label tells: "all-reduce 3 (float32, sum)".
  var operationText: String {
    let kind: CollectiveCall.Kind? = Self.value(bits >> 32 & 0xf)
    let element: ElementType? = Self.value(bits >> 36 & 0xf)
    let reduction: CollectiveReduction? = Self.value(bits >> 40 & 0x7)
    let attributes = [element?.rawValue, reduction?.rawValue].compactMap { $0 }
    let list = attributes.isEmpty ? "" : " (\(attributes.joined(separator: ", ")))"
    return "\(kind?.rawValue ?? "no operation") \(bits >> 12 & 0xf_ffff)\(list)"
  }

  // MARK: Codes

  /// One more than the place among all values, so that none is zero.
  private static func code<Value: CaseIterable & Equatable>(_ value: Value?) -> UInt64 {
    guard let value else { return 0 }
    var code: UInt64 = 1
    for candidate in Value.allCases {
      if candidate == value { return code }
      code += 1
    }
    return 0
  }

  private static func value<Value: CaseIterable>(_ code: UInt64) -> Value? {
    var next: UInt64 = 1
    for candidate in Value.allCases {
      if next == code { return candidate }
      next += 1
    }
    return nil
  }

  /// Mixes what has no bits of its own (the finaliser of SplitMix64), into 21 bits.
  private static func check(_ call: CollectiveCall) -> UInt64 {
    var word: UInt64 = 0
    let wire = call.wire.flatMap { WireFormat.allCases.firstIndex(of: $0) } ?? -1
    let numbers = [
      call.byteCount, (call.outerCount ?? -1) &+ 1, (call.root ?? -1) &+ 1, wire + 1,
    ]
    for number in numbers {
      word = (word ^ UInt64(truncatingIfNeeded: number)) &+ 0x9e37_79b9_7f4a_7c15
      word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
      word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
      word ^= word >> 31
    }
    return word & 0x1f_ffff
  }
}
