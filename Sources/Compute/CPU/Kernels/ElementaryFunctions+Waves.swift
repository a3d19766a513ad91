extension IRText {
  /// The sine of the operand plus a number of quarter turns (one makes the cosine); the reduction is
  /// in float64, accurate for magnitudes up to 2³⁰.
  mutating func sine(_ operand: String, quarterTurns: Int) -> String {
    let (rest, quadrant) = quarterTurnReduction(operand, plus: quarterTurns)
    let square = value("fmul float \(rest), \(rest)")
    let odd = sinePolynomial(rest, square)
    let even = cosinePolynomial(square)
    let isEven = value("icmp ne i32 \(value("and i32 \(quadrant), 1")), 0")
    let chosen = value("select i1 \(isEven), float \(even), float \(odd)")
    let sign = value("shl i32 \(value("and i32 \(quadrant), 2")), 30")
    let bits = value("xor i32 \(value("bitcast float \(chosen) to i32")), \(sign)")
    return value("bitcast i32 \(bits) to float")
  }

  private mutating func quarterTurnReduction(
    _ operand: String, plus quarterTurns: Int
  ) -> (rest: String, quadrant: String) {
    let wide = value("fpext float \(operand) to double")
    // Adding 1.5 · 2⁵² leaves the nearest integer in the low bits of the sum.
    let shifter = IRLiteral.double(6_755_399_441_055_744)
    let turns = IRLiteral.double(0.636_619_772_367_581_34)
    let sum = call("llvm.fma.f64", "double", [wide, turns, shifter])
    let whole = value("fsub double \(sum), \(shifter)")
    let partly = call(
      "llvm.fma.f64", "double", [whole, IRLiteral.double(-0x1.921fb54442d18p+0), wide])
    let rest = call(
      "llvm.fma.f64", "double", [whole, IRLiteral.double(-0x1.1a62633145c07p-54), partly])
    let bits = value("bitcast double \(sum) to i64")
    let low = value("trunc i64 \(bits) to i32")
    return (value("fptrunc double \(rest) to float"), value("add i32 \(low), \(quarterTurns)"))
  }

  private mutating func fma(_ left: String, _ right: String, _ addend: Double) -> String {
    call("llvm.fma.f32", "float", [left, right, IRLiteral.float(addend)])
  }

  private mutating func sinePolynomial(_ rest: String, _ square: String) -> String {
    var sum = fma(IRLiteral.float(2.718112000366091e-06), square, -0.00019839311426039785)
    sum = fma(sum, square, 0.008333329111337662)
    sum = fma(sum, square, -0.1666666716337204)
    let cube = value("fmul float \(rest), \(square)")
    return call("llvm.fma.f32", "float", [sum, cube, rest])
  }

  private mutating func cosinePolynomial(_ square: String) -> String {
    var sum = fma(IRLiteral.float(2.4433062208117917e-05), square, -0.0013887315290048718)
    sum = fma(sum, square, 0.04166664555668831)
    sum = fma(sum, square, -0.5)
    return fma(sum, square, 1)
  }

  /// The error function: an odd polynomial below one, `1 - exp(-q(|x|))` above.
  mutating func errorFunction(_ operand: String) -> String {
    let magnitude = call("llvm.fabs.f32", "float", [operand])
    let isSmall = value("fcmp olt float \(magnitude), 1.0")
    let small = errorPolynomial(operand)
    let large = call("llvm.copysign.f32", "float", [errorTail(magnitude), operand])
    return value("select i1 \(isSmall), float \(small), float \(large)")
  }

  private mutating func errorPolynomial(_ operand: String) -> String {
    let square = value("fmul float \(operand), \(operand)")
    var sum = IRLiteral.float(7.853891293052584e-05)
    for coefficient in [
      -0.0008010203600861132, 0.005188329145312309, -0.026853812858462334, 0.1128358542919159,
      -0.3761262595653534, 0.12837916612625122,
    ] {
      sum = fma(sum, square, coefficient)
    }
    return call("llvm.fma.f32", "float", [sum, operand, operand])
  }

  private mutating func errorTail(_ magnitude: String) -> String {
    let isLarge = value("fcmp ogt float \(magnitude), 4.0")
    let limited = value("select i1 \(isLarge), float 4.0, float \(magnitude)")
    var sum = IRLiteral.float(2.168676655855961e-05)
    for coefficient in [
      -0.00044133534538559616, 0.004204556345939636, -0.025208240374922752, 0.1084185540676117,
      0.6332198977470398, 1.1295783519744873, -0.00018803704006131738,
    ] {
      sum = fma(sum, limited, coefficient)
    }
    let complement = exponential(value("fneg float \(sum)"))
    return value("fsub float 1.0, \(complement)")
  }
}
