import DeepEPElements
import DeepEPTensors

/// Builds regions for tests, numbering registers and loop variables.
struct RegionBuilder {
  var registers = 0
  var variables: Int

  init(parallel: Int) { variables = parallel }

  mutating func define(
    _ body: inout [Statement], _ element: ElementType, _ expression: Expression
  ) -> Register {
    defer { registers += 1 }
    body.append(.define(registers, element, expression))
    return registers
  }

  /// A reduction over a new loop: `value` computes what is combined.
  mutating func reduce(
    _ body: inout [Statement], extent: Int, _ element: ElementType, _ reduction: Reduction,
    _ value: (inout RegionBuilder, inout [Statement], LoopVariable) -> Register
  ) -> Register {
    let (variable, accumulator) = (variables, registers)
    variables += 1
    registers += 1
    var inner: [Statement] = []
    let combined = value(&self, &inner, variable)
    inner.append(.accumulate(accumulator: accumulator, combined))
    let declared = [Accumulator(accumulator, element, reduction)]
    body.append(.loop(Loop(variable, extent: extent, accumulators: declared, body: inner)))
    return accumulator
  }

  mutating func loop(
    _ body: inout [Statement], extent: Int,
    _ inside: (inout RegionBuilder, inout [Statement], LoopVariable) -> Void
  ) {
    let variable = variables
    variables += 1
    var inner: [Statement] = []
    inside(&self, &inner, variable)
    body.append(.loop(Loop(variable, extent: extent, body: inner)))
  }
}

enum SampleRegions {
  static func index(_ terms: (LoopVariable, Int)...) -> Index {
    Index(terms: terms.map { IndexTerm($0.0, stride: $0.1) })
  }

  static func elementwise(
    _ count: Int, _ element: ElementType, to result: ElementType? = nil,
    _ expression: (Register) -> Expression
  ) -> Region {
    let result = result ?? element
    return Region(
      resultTypes: [Type(result, [count])], parallel: [count],
      body: [
        .define(0, element, .load(Access(.operand(0), index((0, 1))))),
        .define(1, result, expression(0)),
        .store(Access(.result(0), index((0, 1))), 1),
      ])
  }

  /// Softmax of each row: maximum, sum of exponentials, quotient.
  static func softmax(rows: Int, columns: Int, _ element: ElementType = .float32) -> Region {
    var (builder, body) = (RegionBuilder(parallel: 1), [Statement]())
    let load = { (b: inout RegionBuilder, s: inout [Statement], j: LoopVariable) in
      b.define(&s, element, .load(Access(.operand(0), index((0, columns), (j, 1)))))
    }
    let maximum = builder.reduce(&body, extent: columns, element, .maximum, load)
    let sum = builder.reduce(&body, extent: columns, element, .sum) { b, s, j in
      let x = load(&b, &s, j)
      let shifted = b.define(&s, element, .binary(.subtract, x, maximum))
      let e = b.define(&s, element, .unary(.exponential, shifted))
      s.append(.store(Access(.result(0), index((0, columns), (j, 1))), e))
      return e
    }
    let scale = builder.define(&body, element, .unary(.reciprocal, sum))
    builder.loop(&body, extent: columns) { b, s, j in
      let access = Access(.result(0), index((0, columns), (j, 1)))
      let e = b.define(&s, element, .load(access))
      s.append(.store(access, b.define(&s, element, .binary(.multiply, e, scale))))
    }
    return Region(resultTypes: [Type(element, [rows, columns])], parallel: [rows], body: body)
  }

  /// Layer norm of each row, with gain and bias.
  static func layerNorm(rows: Int, columns: Int) -> Region {
    var (builder, body) = (RegionBuilder(parallel: 1), [Statement]())
    let e = ElementType.float32
    let load = { (b: inout RegionBuilder, s: inout [Statement], j: LoopVariable) in
      b.define(&s, e, .load(Access(.operand(0), index((0, columns), (j, 1)))))
    }
    let part = builder.define(&body, e, .constant(1 / Double(columns)))
    let sum = builder.reduce(&body, extent: columns, e, .sum, load)
    let mean = builder.define(&body, e, .binary(.multiply, sum, part))
    let squares = builder.reduce(&body, extent: columns, e, .sum) { b, s, j in
      let x = load(&b, &s, j)
      let difference = b.define(&s, e, .binary(.subtract, x, mean))
      return b.define(&s, e, .binary(.multiply, difference, difference))
    }
    let variance = builder.define(&body, e, .binary(.multiply, squares, part))
    let epsilon = builder.define(&body, e, .constant(1e-5))
    let shifted = builder.define(&body, e, .binary(.add, variance, epsilon))
    let scale = builder.define(&body, e, .unary(.reciprocalSquareRoot, shifted))
    builder.loop(&body, extent: columns) { b, s, j in
      let x = load(&b, &s, j)
      let difference = b.define(&s, e, .binary(.subtract, x, mean))
      let normal = b.define(&s, e, .binary(.multiply, difference, scale))
      let gain = b.define(&s, e, .load(Access(.operand(1), index((j, 1)))))
      let bias = b.define(&s, e, .load(Access(.operand(2), index((j, 1)))))
      let scaled = b.define(&s, e, .binary(.multiply, normal, gain))
      let y = b.define(&s, e, .binary(.add, scaled, bias))
      s.append(.store(Access(.result(0), index((0, columns), (j, 1))), y))
    }
    return Region(resultTypes: [Type(e, [rows, columns])], parallel: [rows], body: body)
  }

  /// GELU of a sum with a row of biases: by the error function, or by the hyperbolic tangent.
  static func gelu(rows: Int, columns: Int, tanh: Bool) -> Region {
    var (b, s) = (RegionBuilder(parallel: 2), [Statement]())
    let e = ElementType.float32
    let load = b.define(&s, e, .load(Access(.operand(0), index((0, columns), (1, 1)))))
    let bias = b.define(&s, e, .load(Access(.operand(1), index((1, 1)))))
    let x = b.define(&s, e, .binary(.add, load, bias))
    var inner = x
    if tanh {
      let c = b.define(&s, e, .constant(0.044715))
      let square = b.define(&s, e, .binary(.multiply, x, x))
      let cube = b.define(&s, e, .binary(.multiply, square, x))
      let scaled = b.define(&s, e, .binary(.multiply, cube, c))
      inner = b.define(&s, e, .binary(.add, x, scaled))
    }
    let factor = b.define(&s, e, .constant(tanh ? 0.7978845608028654 : 0.7071067811865476))
    let argument = b.define(&s, e, .binary(.multiply, inner, factor))
    let t = b.define(&s, e, .unary(tanh ? .hyperbolicTangent : .errorFunction, argument))
    let one = b.define(&s, e, .constant(1))
    let sum = b.define(&s, e, .binary(.add, t, one))
    let half = b.define(&s, e, .constant(0.5))
    let scaled = b.define(&s, e, .binary(.multiply, x, half))
    let y = b.define(&s, e, .binary(.multiply, scaled, sum))
    s.append(.store(Access(.result(0), index((0, columns), (1, 1))), y))
    return Region(resultTypes: [Type(e, [rows, columns])], parallel: [rows, columns], body: s)
  }

  /// The sums of columns: each parallel iteration sums a block of them into scratch.
  static func columnSums(rows: Int, columns: Int, block: Int) -> Region {
    var (builder, body) = (RegionBuilder(parallel: 1), [Statement]())
    let e = ElementType.float32
    builder.loop(&body, extent: block) { b, s, j in
      let zero = b.define(&s, e, .constant(0))
      s.append(.store(Access(.scratch(0), index((j, 1))), zero))
    }
    builder.loop(&body, extent: rows) { b, s, i in
      b.loop(&s, extent: block) { b, s, j in
        let x = b.define(
          &s, e, .load(Access(.operand(0), index((0, block), (i, columns), (j, 1)))))
        let old = b.define(&s, e, .load(Access(.scratch(0), index((j, 1)))))
        let sum = b.define(&s, e, .binary(.add, old, x))
        s.append(.store(Access(.scratch(0), index((j, 1))), sum))
      }
    }
    builder.loop(&body, extent: block) { b, s, j in
      let sum = b.define(&s, e, .load(Access(.scratch(0), index((j, 1)))))
      s.append(.store(Access(.result(0), index((0, block), (j, 1))), sum))
    }
    return Region(
      resultTypes: [Type(e, [columns])], parallel: [columns / block],
      scratch: [Scratch(e, count: block)], body: body)
  }
}
