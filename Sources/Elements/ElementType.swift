/// The type of one element of a tensor: the vocabulary that all layers share.
///
/// The names are those of the text form of programs and of checkpoints.
public enum ElementType: String, Hashable, Codable, Sendable, CaseIterable {
  case float64, float32, float16, bfloat16
  /// Eight-bit floats of the OCP 8-bit floating point specification (OFP8), revision 1.0.
  case float8e4m3, float8e5m2
  case int64, int32, int16, int8
  case uint64, uint32, uint16, uint8
  case bool

  /// The number of bytes that one element takes in memory.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float8e4m3, .float8e5m2, .int8, .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2: true
    default: false
    }
  }

  /// Whether every number of another floating-point type is a number of this one.
  package func holdsAll(of other: ElementType) -> Bool {
    if self == other { return true }
    let isEight = other == .float8e4m3 || other == .float8e5m2
    return switch self {
    case .float64: other.isFloatingPoint
    case .float32: other.isFloatingPoint && other != .float64
    case .float16, .bfloat16: isEight
    default: false
    }
  }

  /// Whether elements are integers.
  public var isInteger: Bool { !isFloatingPoint && self != .bool }

  /// Whether elements are integers that can be negative.
  public var isSignedInteger: Bool {
    switch self {
    case .int64, .int32, .int16, .int8: true
    default: false
    }
  }

  /// The number of bits of an integer element; a Boolean counts as one.
  public var integerBitCount: Int { self == .bool ? 1 : byteCount * 8 }
}
