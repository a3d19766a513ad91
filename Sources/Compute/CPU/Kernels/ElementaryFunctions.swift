// Elementary functions of float32 as straight-line code, which vectorises where calls of a library
// would not. Coefficients are minimax fits of our own (weighted least squares in 40 digits).

extension IRText {
  private mutating func fma(_ left: String, _ right: String, _ addend: String) -> String {
    call("llvm.fma.f32", "float", [left, right, addend])
  }

  private mutating func number(_ value: Double) -> String { IRLiteral.float(value) }

  /// Horner's rule; coefficients from the constant term up.
  private mutating func polynomial(_ variable: String, _ coefficients: [Double]) -> String {
    var sum = IRLiteral.float(coefficients.last ?? 0)
    for coefficient in coefficients.dropLast().reversed() {
      sum = fma(sum, variable, IRLiteral.float(coefficient))
    }
    return sum
  }

  private mutating func select(_ condition: String, _ yes: String, _ no: String) -> String {
    value("select i1 \(condition), float \(yes), float \(no)")
  }

  /// Limits a number to a range; NaN stays.
  private mutating func clamp(_ operand: String, _ low: Double, _ high: Double) -> String {
    let below = value("fcmp olt float \(operand), \(number(low))")
    let raised = select(below, number(low), operand)
    let above = value("fcmp ogt float \(raised), \(number(high))")
    return select(above, number(high), raised)
  }

  /// Splits `x` into `n · ln 2 + r`: `n` as a float and an integer, and `exp(r) - 1`.
  private mutating func reducedExponential(
    _ operand: String
  ) -> (power: String, exponentialMinusOne: String) {
    // Adding 1.5 · 2²³ leaves the nearest integer in the low bits of the sum.
    let shifter = number(12_582_912)
    let sum = fma(operand, number(1.442_695_040_888_963_4), shifter)
    let whole = value("fsub float \(sum), \(shifter)")
    let power = value("sub i32 \(value("bitcast float \(sum) to i32")), 1262485504")
    let partly = fma(whole, number(-0.693_145_751_953_125), operand)
    let rest = fma(whole, number(-1.428_606_765_330_187e-06), partly)
    let tail = polynomial(
      rest,
      [
        0.4999999701976776, 0.1666654348373413, 0.04166720062494278, 0.00836651399731636,
        0.0013882522471249104,
      ])
    let square = value("fmul float \(rest), \(rest)")
    return (power, fma(square, tail, rest))
  }

  /// Two to an integer power from -126 to 127.
  private mutating func powerOfTwo(_ power: String) -> String {
    let biased = value("add i32 \(power), 127")
    return value("bitcast i32 \(value("shl i32 \(biased), 23")) to float")
  }

  /// The exponential function, to about one unit in the last place, down to denormal results.
  mutating func exponential(_ operand: String) -> String {
    let (power, minusOne) = reducedExponential(clamp(operand, -104, 89))
    let mantissa = value("fadd float \(minusOne), 1.0")
    // In two halves, so that neither leaves the range of exponents.
    let half = value("ashr i32 \(power), 1")
    let otherHalf = value("sub i32 \(power), \(half)")
    let partly = value("fmul float \(mantissa), \(powerOfTwo(half))")
    return value("fmul float \(partly), \(powerOfTwo(otherHalf))")
  }

  /// The hyperbolic tangent: `-e / (e + 2)` with `e = exp(-2|x|) - 1`, which is accurate near zero;
  /// within two and a half units in the last place.
  mutating func hyperbolicTangent(_ operand: String) -> String {
    let magnitude = call("llvm.fabs.f32", "float", [operand])
    let doubled = value("fmul float \(magnitude), -2.0")
    let (power, minusOne) = reducedExponential(clamp(doubled, -40, 0))
    let scale = powerOfTwo(power)
    let scaleMinusOne = value("fadd float \(scale), -1.0")
    let exponential = fma(scale, minusOne, scaleMinusOne)
    let divisor = value("fadd float \(exponential), 2.0")
    let ratio = value("fdiv float \(exponential), \(divisor)")
    return call("llvm.copysign.f32", "float", [ratio, operand])
  }

  /// The natural logarithm; minus infinity of zero, NaN of negative numbers.
  mutating func logarithm(_ operand: String) -> String {
    let isDenormal = value("fcmp olt float \(operand), \(number(0x1p-126))")
    let scaled = value("fmul float \(operand), \(number(0x1p23))")
    let normal = select(isDenormal, scaled, operand)
    let bias = value("select i1 \(isDenormal), i32 -23, i32 0")
    // Exponents change at the square root of one half, so that the mantissa is around one.
    let bits = value("sub i32 \(value("bitcast float \(normal) to i32")), 1060439283")
    let power = value("add i32 \(value("ashr i32 \(bits), 23")), \(bias)")
    let mantissaBits = value("add i32 \(value("and i32 \(bits), 8388607")), 1060439283")
    let mantissa = value("bitcast i32 \(mantissaBits) to float")
    let fraction = value("fadd float \(mantissa), -1.0")
    let finite = logarithm(
      onePlus: fraction, power: value("sitofp i32 \(power) to float"))
    return logarithmLimits(finite, operand)
  }

  private mutating func logarithm(onePlus fraction: String, power: String) -> String {
    let square = value("fmul float \(fraction), \(fraction)")
    let tail = polynomial(
      fraction,
      [
        0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053,
        0.14219552278518677, -0.1240558922290802, 0.11888162046670914, -0.11675652116537094,
        0.06746640801429749,
      ])
    let cube = value("fmul float \(square), \(fraction)")
    let low = fma(power, number(1.428_606_765_330_187e-06), value("fmul float \(cube), \(tail)"))
    let middle = fma(square, number(-0.5), low)
    let high = value("fadd float \(middle), \(fraction)")
    return fma(power, number(0.693_145_751_953_125), high)
  }

  private mutating func logarithmLimits(_ finite: String, _ operand: String) -> String {
    let isPositive = value("fcmp ogt float \(operand), 0.0")
    let isZero = value("fcmp oeq float \(operand), 0.0")
    let isInfinite = value("fcmp oeq float \(operand), \(number(.infinity))")
    let other = select(isZero, number(-.infinity), number(.nan))
    let inDomain = select(isPositive, finite, other)
    return select(isInfinite, operand, inDomain)
  }
}
