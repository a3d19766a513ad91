import DeepEPElements
import DeepEPTensors

extension RegionEmitter {
  mutating func unary(_ function: UnaryFunction, _ operand: Scalar) throws -> String {
    if operand.element.isFloatingPoint { return try floatUnary(function, operand) }
    return try integerUnary(function, operand)
  }

  private func unsupported(_ function: UnaryFunction, _ element: ElementType) -> KernelError {
    failure(
      "\(function.rawValue) is not defined for \(element.rawValue)",
      "a region over \(region.parallel)", "convert the operand to a type that has it")
  }

  private mutating func integerUnary(
    _ function: UnaryFunction, _ operand: Scalar
  ) throws -> String {
    let (type, name) = (operand.type, operand.name)
    let isSigned = operand.element.isSignedInteger
    switch function {
    case .not: return text.value("xor \(type) \(name), -1")
    case .floor: return name
    case .absolute where isSigned:
      return text.value("call \(type) @llvm.abs.\(type)(\(type) \(name), i1 false)")
    case .absolute: return name
    case .negate where operand.element != .bool: return text.value("sub \(type) 0, \(name)")
    case .sign where isSigned:
      let high = text.call("llvm.smin.\(type)", type, [name, "1"])
      return text.call("llvm.smax.\(type)", type, [high, "-1"])
    case .sign where operand.element != .bool:
      return text.call("llvm.umin.\(type)", type, [name, "1"])
    default: throw unsupported(function, operand.element)
    }
  }

  private mutating func floatUnary(_ function: UnaryFunction, _ operand: Scalar) throws -> String {
    let (type, name, suffix) = (operand.type, operand.name, operand.element.intrinsicSuffix)
    switch function {
    case .negate: return text.value("fneg \(type) \(name)")
    case .absolute: return text.call("llvm.fabs.\(suffix)", type, [name])
    case .squareRoot: return text.call("llvm.sqrt.\(suffix)", type, [name])
    case .floor: return text.call("llvm.floor.\(suffix)", type, [name])
    case .reciprocal: return text.value("fdiv \(type) 1.0, \(name)")
    case .reciprocalSquareRoot:
      return text.value("fdiv \(type) 1.0, \(text.call("llvm.sqrt.\(suffix)", type, [name]))")
    case .sign: return signOf(operand)
    case .not: throw unsupported(function, operand.element)
    default: break
    }
    if let library = function.libraryName, operand.element == .float64 {
      return text.callLibrary(library, type, [name])
    }
    guard let value = elementary(function, name) else {
      throw unsupported(function, operand.element)
    }
    return value
  }

  /// Zero and NaN stay as they are.
  private mutating func signOf(_ operand: Scalar) -> String {
    let (type, name) = (operand.type, operand.name)
    let isPositive = text.value("fcmp ogt \(type) \(name), 0.0")
    let isNegative = text.value("fcmp olt \(type) \(name), 0.0")
    let rest = text.value("select i1 \(isNegative), \(type) -1.0, \(type) \(name)")
    return text.value("select i1 \(isPositive), \(type) 1.0, \(type) \(rest)")
  }

  private mutating func elementary(_ function: UnaryFunction, _ operand: String) -> String? {
    switch function {
    case .exponential: text.exponential(operand)
    case .logarithm: text.logarithm(operand)
    case .hyperbolicTangent: text.hyperbolicTangent(operand)
    case .sine: text.sine(operand, quarterTurns: 0)
    case .cosine: text.sine(operand, quarterTurns: 1)
    case .errorFunction: text.errorFunction(operand)
    default: nil
    }
  }
}

extension UnaryFunction {
  /// The C library's name of the double-precision function.
  fileprivate var libraryName: String? {
    switch self {
    case .exponential: "exp"
    case .logarithm: "log"
    case .hyperbolicTangent: "tanh"
    case .sine: "sin"
    case .cosine: "cos"
    case .errorFunction: "erf"
    default: nil
    }
  }
}
