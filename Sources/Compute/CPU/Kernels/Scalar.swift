import DeepEPElements

/// A register of a region while its text is written: a name or literal, and its element type.
struct Scalar {
  var name: String
  var element: ElementType
  /// LLVM's type of it.
  var type: String { element.registerType }
}

extension ElementType {
  /// LLVM's type of a register; narrow floats are computed with in float32.
  var registerType: String {
    switch self {
    case .float64: "double"
    case .float32, .float16, .bfloat16, .float8e4m3, .float8e5m2: "float"
    case .bool: "i1"
    default: "i\(integerBitCount)"
    }
  }

  /// LLVM's type of an element in memory.
  var memoryType: String {
    switch self {
    case .float64: "double"
    case .float32: "float"
    case .float16: "half"
    default: "i\(byteCount * 8)"
    }
  }

  /// The suffix of LLVM's intrinsic functions for registers of this type.
  var intrinsicSuffix: String {
    switch registerType {
    case "double": "f64"
    case "float": "f32"
    default: registerType
    }
  }

  /// Whether registers hold more precision than elements do.
  var isNarrowFloat: Bool { isFloatingPoint && self != .float64 && self != .float32 }
}
