import DeepEPElements
import DeepEPTensors

extension RegionEmitter {
  mutating func binary(_ function: BinaryFunction, _ left: Scalar, _ right: Scalar) throws -> String
  {
    guard left.element == right.element else {
      throw failure(
        "\(function.rawValue) of \(left.element.rawValue) and \(right.element.rawValue)",
        "a region over \(region.parallel)", "convert one of them first")
    }
    if left.element.isFloatingPoint { return try floatBinary(function, left, right) }
    if left.element == .bool { return try boolBinary(function, left, right) }
    return try integerBinary(function, left, right)
  }

  private func unsupported(_ function: String, _ element: ElementType) -> KernelError {
    failure(
      "\(function) is not defined for \(element.rawValue)", "a region over \(region.parallel)",
      "convert the operands to a type that has it")
  }

  private mutating func floatBinary(
    _ function: BinaryFunction, _ left: Scalar, _ right: Scalar
  ) throws -> String {
    let operands = "\(left.type) \(left.name), \(right.name)"
    let suffix = left.element.intrinsicSuffix
    switch function {
    // Without `contract`, a multiply and an add would not become one instruction.
    case .add: return text.value("fadd contract \(operands)")
    case .subtract: return text.value("fsub contract \(operands)")
    case .multiply: return text.value("fmul contract \(operands)")
    case .divide: return text.value("fdiv \(operands)")
    case .remainder: return text.value("frem \(operands)")
    case .power: return text.call("llvm.pow.\(suffix)", left.type, [left.name, right.name])
    // The sign of zero does not matter to us, and costs instructions.
    case .maximum, .minimum:
      return text.value(
        "call nsz \(left.type) @llvm.\(function.rawValue).\(suffix)(\(left.type) \(left.name), "
          + "\(left.type) \(right.name))")
    default: throw unsupported(function.rawValue, left.element)
    }
  }

  private mutating func boolBinary(
    _ function: BinaryFunction, _ left: Scalar, _ right: Scalar
  ) throws -> String {
    switch function {
    case .add, .maximum, .or: return text.value("or i1 \(left.name), \(right.name)")
    case .multiply, .minimum, .and: return text.value("and i1 \(left.name), \(right.name)")
    case .exclusiveOr: return text.value("xor i1 \(left.name), \(right.name)")
    default: throw unsupported(function.rawValue, .bool)
    }
  }

  private mutating func integerBinary(
    _ function: BinaryFunction, _ left: Scalar, _ right: Scalar
  ) throws -> String {
    let operands = "\(left.type) \(left.name), \(right.name)"
    let sign = left.element.isSignedInteger ? "s" : "u"
    switch function {
    case .add: return text.value("add \(operands)")
    case .subtract: return text.value("sub \(operands)")
    case .multiply: return text.value("mul \(operands)")
    case .divide, .remainder: return quotient(function, left, right)
    case .maximum:
      return text.call("llvm.\(sign)max.\(left.type)", left.type, [left.name, right.name])
    case .minimum:
      return text.call("llvm.\(sign)min.\(left.type)", left.type, [left.name, right.name])
    case .and: return text.value("and \(operands)")
    case .or: return text.value("or \(operands)")
    case .exclusiveOr: return text.value("xor \(operands)")
    case .shiftLeft, .shiftRight: return shifted(function, left, right)
    case .power: throw unsupported(function.rawValue, left.element)
    }
  }

  /// Shifts by the width or more give what shifting one by one would.
  private mutating func shifted(
    _ function: BinaryFunction, _ left: Scalar, _ right: Scalar
  ) -> String {
    let bits = left.element.integerBitCount
    if function == .shiftRight, left.element.isSignedInteger {
      let amount = text.call("llvm.umin.\(left.type)", left.type, [right.name, "\(bits - 1)"])
      return text.value("ashr \(left.type) \(left.name), \(amount)")
    }
    let name = function == .shiftLeft ? "shl" : "lshr"
    let inside = text.value("icmp ult \(left.type) \(right.name), \(bits)")
    let amount = text.value("select i1 \(inside), \(left.type) \(right.name), \(left.type) 0")
    let value = text.value("\(name) \(left.type) \(left.name), \(amount)")
    return text.value("select i1 \(inside), \(left.type) \(value), \(left.type) 0")
  }

  /// Division by zero yields zero, and the least integer by minus one wraps: neither may trap.
  private mutating func quotient(
    _ function: BinaryFunction, _ left: Scalar, _ right: Scalar
  ) -> String {
    let type = left.type
    let name = function == .divide ? "div" : "rem"
    let isZero = text.value("icmp eq \(type) \(right.name), 0")
    var divisor = text.value("select i1 \(isZero), \(type) 1, \(type) \(right.name)")
    guard left.element.isSignedInteger else {
      let value = text.value("u\(name) \(type) \(left.name), \(divisor)")
      return text.value("select i1 \(isZero), \(type) 0, \(type) \(value)")
    }
    let isMinusOne = text.value("icmp eq \(type) \(right.name), -1")
    divisor = text.value("select i1 \(isMinusOne), \(type) 1, \(type) \(divisor)")
    let value = text.value("s\(name) \(type) \(left.name), \(divisor)")
    let negated = function == .divide ? text.value("sub \(type) 0, \(left.name)") : "0"
    let signed = text.value("select i1 \(isMinusOne), \(type) \(negated), \(type) \(value)")
    return text.value("select i1 \(isZero), \(type) 0, \(type) \(signed)")
  }

  mutating func compare(
    _ comparison: Comparison, _ left: Scalar, _ right: Scalar
  ) throws -> String {
    guard left.element == right.element else {
      throw failure(
        "\(left.element.rawValue) is compared with \(right.element.rawValue)",
        "a region over \(region.parallel)", "convert one of them first")
    }
    let name = comparison.instruction(left.element)
    return text.value("\(name) \(left.type) \(left.name), \(right.name)")
  }
}

extension Comparison {
  fileprivate func instruction(_ element: ElementType) -> String {
    if element.isFloatingPoint { return "fcmp " + (self == .notEqual ? "une" : "o" + code) }
    let sign = self == .equal || self == .notEqual ? "" : element.isSignedInteger ? "s" : "u"
    return "icmp " + sign + code
  }

  private var code: String {
    switch self {
    case .equal: "eq"
    case .notEqual: "ne"
    case .less: "lt"
    case .lessOrEqual: "le"
    case .greater: "gt"
    case .greaterOrEqual: "ge"
    }
  }
}
