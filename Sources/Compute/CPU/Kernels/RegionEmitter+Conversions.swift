import DeepEPElements
import DeepEPTensors

extension RegionEmitter {
  /// A number as a literal of a register; integers truncate and saturate.
  func literal(_ number: Double, _ element: ElementType) -> String {
    switch element {
    case .float64: return IRLiteral.double(number)
    case .bfloat16: return IRLiteral.float(Double(roundedToBFloat16(Float(number))))
    case .float16: return IRLiteral.float(Double(Float(Float16(number))))
    case .float32, .float8e4m3, .float8e5m2: return IRLiteral.float(number)
    case .bool: return number != 0 ? "true" : "false"
    default: return integerLiteral(number, element)
    }
  }

  private func integerLiteral(_ number: Double, _ element: ElementType) -> String {
    guard !number.isNaN else { return "0" }
    let bits = element.integerBitCount
    let whole = number.rounded(.towardZero)
    if element.isSignedInteger {
      let highest = Int64.max >> (64 - bits)
      return
        "\(min(max(Int64(exactly: whole) ?? (whole < 0 ? .min : .max), -highest - 1), highest))"
    }
    if whole < 0, whole.isFinite { return "\(Int64(exactly: whole) ?? .min)" }
    return "\(min(UInt64(exactly: whole) ?? (whole < 0 ? 0 : .max), UInt64.max >> (64 - bits)))"
  }

  private func roundedToBFloat16(_ number: Float) -> Float {
    guard !number.isNaN else { return number }
    let bits = number.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) & 0xFFFF_0000)
  }

  /// A computed value as a register of the type: narrow floats are rounded to nearest even.
  mutating func rounded(_ value: String, _ element: ElementType) -> Scalar {
    switch element {
    case .bfloat16: Scalar(name: roundedToBFloat16(value), element: element)
    case .float16:
      Scalar(
        name: text.value("fpext half \(text.value("fptrunc float \(value) to half")) to float"),
        element: element)
    default: Scalar(name: value, element: element)
    }
  }

  private mutating func roundedToBFloat16(_ value: String) -> String {
    let bits = text.value("bitcast float \(value) to i32")
    let high = text.value("lshr i32 \(bits), 16")
    let odd = text.value("and i32 \(high), 1")
    let bias = text.value("add i32 \(odd), 32767")
    let sum = text.value("add i32 \(bits), \(bias)")
    let kept = text.value("and i32 \(sum), -65536")
    let quiet = text.value("or i32 \(text.value("and i32 \(bits), -65536")), 4194304")
    let isNaN = text.value("fcmp uno float \(value), \(value)")
    let chosen = text.value("select i1 \(isNaN), i32 \(quiet), i32 \(kept)")
    return text.value("bitcast i32 \(chosen) to float")
  }

  mutating func convert(_ scalar: Scalar, to element: ElementType) throws -> Scalar {
    guard scalar.element != element else { return scalar }
    switch (scalar.element.isFloatingPoint, element.isFloatingPoint) {
    case (true, true): return rounded(floatToFloat(scalar, element), element)
    case (true, false): return Scalar(name: floatToInteger(scalar, element), element: element)
    case (false, true): return rounded(integerToFloat(scalar, element), element)
    case (false, false): return Scalar(name: integerToInteger(scalar, element), element: element)
    }
  }

  private mutating func floatToFloat(_ scalar: Scalar, _ element: ElementType) -> String {
    switch (scalar.type, element.registerType) {
    case ("double", "float"): text.value("fptrunc double \(scalar.name) to float")
    case ("float", "double"): text.value("fpext float \(scalar.name) to double")
    default: scalar.name
    }
  }

  private mutating func floatToInteger(_ scalar: Scalar, _ element: ElementType) -> String {
    if element == .bool {
      return text.value("fcmp une \(scalar.type) \(scalar.name), 0.0")
    }
    let name = element.isSignedInteger ? "llvm.fptosi.sat" : "llvm.fptoui.sat"
    let function = "\(name).\(element.registerType).\(scalar.element.intrinsicSuffix)"
    return text.call(function, scalar.type, [scalar.name], result: element.registerType)
  }

  private mutating func integerToFloat(_ scalar: Scalar, _ element: ElementType) -> String {
    let name = scalar.element.isSignedInteger ? "sitofp" : "uitofp"
    return text.value("\(name) \(scalar.type) \(scalar.name) to \(element.registerType)")
  }

  private mutating func integerToInteger(_ scalar: Scalar, _ element: ElementType) -> String {
    if element == .bool { return text.value("icmp ne \(scalar.type) \(scalar.name), 0") }
    return resized(scalar, to: element.integerBitCount)
  }

  mutating func resized(_ scalar: Scalar, to bits: Int) -> String {
    let own = scalar.element.integerBitCount
    guard own != bits else { return scalar.name }
    let extend = scalar.element.isSignedInteger ? "sext" : "zext"
    return text.value("\(own > bits ? "trunc" : extend) \(scalar.type) \(scalar.name) to i\(bits)")
  }
}
