import DeepEPElements

/// The gradient of a ``Convolution`` by its input, also called a transposed convolution.
///
/// Operands: the gradient by the output, `[batch, outputs, spatial...]`, and the weight. Result:
/// `[batch, channels, sizes...]`.
package struct ConvolutionInputGradient: Operation {
  /// How the weight moves over the input.
  package var window: SpatialWindow
  /// Into how many groups channels and outputs are divided.
  package var groups: Int
  /// The spatial sizes of the input.
  package var sizes: [Int]
  package var name: String { "convolutionInputGradient" }
  package var combination: Reduction? { .sum }

  package init(window: SpatialWindow, groups: Int, sizes: [Int]) {
    self.window = window
    self.groups = groups
    self.sizes = sizes
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    let (gradient, weight) = (operands[0], operands[1])
    try expectImages(operands, window.rank)
    var result = gradient
    guard groups > 0, sizes.allSatisfy({ $0 >= 0 }) else {
      throw ShapeError(name, "\(groups) groups and sizes \(sizes) are no input")
    }
    result.dimensions =
      [gradient.dimensions[0], .fixed(elementCount(of: [weight.shape[1], groups]))]
      + sizes.map { .fixed($0) }
    try expectOutput(gradient, of: Convolution(window: window, groups: groups), [result, weight])
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = ConvolutionFactors(results[0].shape, operands[1].shape, operands[0].shape, groups)
    return loops.factors(operands: [loops.output, loops.weight], result: loops.input)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (g, w) = (operands[0], operands[1])
    let loops = ConvolutionLoops(window, groups, types[0].shape, w.shape, g.shape)
    let (gradients, weights) = (g.doubles, w.doubles)
    var totals = [Double](repeating: 0, count: types[0].elementCount)
    loops.forEach { input, weight, output in
      totals[input] += gradients[output] * weights[weight]
    }
    return [HostArray(types[0].element, types[0].shape, totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (g, w) = (context.operands[0], context.operands[1])
    guard operand == 1 else {
      return context.gradient.apply(Convolution(window: window, groups: groups), w)
    }
    let taps = Array(w.shape.dropFirst(2))
    return context.gradient.apply(
      ConvolutionWeightGradient(window: window, groups: groups, taps: taps), g)
  }
}

/// The gradient of a ``Convolution`` by its weight.
///
/// Operands: the input, `[batch, channels, spatial...]`, and the gradient by the output, `[batch,
/// outputs, spatial...]`. Result: `[outputs, channels / groups, taps...]`.
package struct ConvolutionWeightGradient: Operation {
  /// How the weight moves over the input.
  package var window: SpatialWindow
  /// Into how many groups channels and outputs are divided.
  package var groups: Int
  /// The spatial sizes of the weight.
  package var taps: [Int]
  package var name: String { "convolutionWeightGradient" }
  package var combination: Reduction? { .sum }

  package init(window: SpatialWindow, groups: Int, taps: [Int]) {
    self.window = window
    self.groups = groups
    self.taps = taps
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    let (input, gradient) = (operands[0], operands[1])
    try expectImages(operands, window.rank)
    guard groups > 0, input.shape[1] % groups == 0, taps.allSatisfy({ $0 >= 0 }) else {
      throw ShapeError(
        name, "the channels of \(input) do not divide into \(groups) groups of taps \(taps)")
    }
    var result = input
    result.dimensions =
      [gradient.dimensions[1], .fixed(input.shape[1] / groups)] + taps.map { .fixed($0) }
    try expectOutput(gradient, of: Convolution(window: window, groups: groups), [input, result])
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = ConvolutionFactors(operands[0].shape, results[0].shape, operands[1].shape, groups)
    return loops.factors(operands: [loops.input, loops.output], result: loops.weight)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (x, g) = (operands[0], operands[1])
    let loops = ConvolutionLoops(window, groups, x.shape, types[0].shape, g.shape)
    let (inputs, gradients) = (x.doubles, g.doubles)
    var totals = [Double](repeating: 0, count: types[0].elementCount)
    loops.forEach { input, weight, output in
      totals[weight] += inputs[input] * gradients[output]
    }
    return [HostArray(types[0].element, types[0].shape, totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, g) = (context.operands[0], context.operands[1])
    guard operand == 0 else {
      return x.apply(Convolution(window: window, groups: groups), context.gradient)
    }
    let sizes = Array(x.shape.dropFirst(2))
    return g.apply(
      ConvolutionInputGradient(window: window, groups: groups, sizes: sizes), context.gradient)
  }
}

extension Operation {
  /// Throws unless a gradient has the type of what an operation makes of operands.
  func expectOutput(_ gradient: Type, of operation: any Operation, _ operands: [Type]) throws {
    let expected = try operation.resultTypes(of: operands)[0]
    guard gradient == expected else {
      throw ShapeError(name, "the gradient by the output should be \(expected), got \(gradient)")
    }
  }
}
