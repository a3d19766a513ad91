import DeepEPElements

/// Numbers in eight bits, with a scale for each block of the last dimension.
///
/// Operand: floating-point numbers `[..., n]`. Results: elements `[..., n]`, and float32 scales `[...,
/// blocks]`, the last block being shorter where blocks do not divide `n`. The scale is the block's
/// largest magnitude over the largest number of the element type (127 for int8, which stays symmetric),
/// and an element the nearest number to `x / scale`, zero in a block of zeros. A block that holds an
/// infinity or no number comes back as such: nothing that went wrong is hidden.
package struct Quantize: Operation {
  /// The element type: int8, float8e4m3 or float8e5m2.
  package var element: ElementType
  /// The number of elements that share a scale.
  package var block: Int
  package var name: String { "quantize" }

  package init(element: ElementType, block: Int) {
    self.element = element
    self.block = block
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let x = operands[0]
    guard element.largestQuantized != nil, block > 0 else {
      throw ShapeError(
        name, "blocks of \(block) as \(element.rawValue) are none of int8, float8e4m3, float8e5m2")
    }
    guard x.element.isFloatingPoint, x.rank > 0 else {
      throw ShapeError(name, "needs floating-point numbers with a dimension, got \(x)")
    }
    return [x.with(element: element), x.with(element: .float32).blocked(by: block)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = BlockFactors(operands[0].shape, block)
    return loops.factors(operands: [loops.elements], results: [loops.elements, loops.blocks])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0].doubles
    let blocks = Blocks(types[0].shape, block)
    var scales = [Double](repeating: 0, count: types[1].elementCount)
    for (place, number) in x.enumerated() {
      let index = blocks.block(of: place)
      // Once not a number, always: comparisons alone would lose it.
      scales[index] = number.isNaN ? .nan : max(scales[index], abs(number))
    }
    let largest = element.largestQuantized ?? 1
    scales = scales.map { ElementType.float32.rounded($0 / largest) }
    let elements = x.enumerated().map { place, number in
      let scale = scales[blocks.block(of: place)]
      return scale == 0 ? 0 : quantized(number / scale, largest)
    }
    return [
      HostArray(element, types[0].shape, elements), HostArray(.float32, types[1].shape, scales),
    ]
  }

  /// The scale was rounded, so that the largest number may be a little too large.
  private func quantized(_ number: Double, _ largest: Double) -> Double {
    let bounded = number.isNaN ? number : min(max(number, -largest), largest)
    return element.isFloatingPoint ? bounded : bounded.rounded(.toNearestOrEven)
  }
}

/// The numbers that ``Quantize`` stored: each element times its block's scale.
///
/// Operands: elements `[..., n]` and float32 scales `[..., blocks]`. Result: `[..., n]`.
package struct Dequantize: Operation {
  /// The element type of the result, a floating-point type.
  package var element: ElementType
  /// The number of elements that share a scale.
  package var block: Int
  package var name: String { "dequantize" }

  package init(element: ElementType, block: Int) {
    self.element = element
    self.block = block
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    let (elements, scales) = (operands[0], operands[1])
    guard element.isFloatingPoint, block > 0 else {
      throw ShapeError(
        name, "blocks of \(block) as \(element.rawValue) are no floating-point numbers")
    }
    guard elements.element.largestQuantized != nil, elements.rank > 0 else {
      throw ShapeError(name, "needs int8 or float8 numbers with a dimension, got \(elements)")
    }
    let expected = elements.with(element: .float32).blocked(by: block)
    guard scales == expected else {
      throw ShapeError(name, "needs scales \(expected) for \(elements), got \(scales)")
    }
    return [elements.with(element: element)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = BlockFactors(operands[0].shape, block)
    return loops.factors(operands: [loops.elements, loops.blocks], results: [loops.elements])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let scales = operands[1].doubles
    let blocks = Blocks(types[0].shape, block)
    let numbers = operands[0].doubles.enumerated().map { place, number in
      number * scales[blocks.block(of: place)]
    }
    return [HostArray(element, types[0].shape, numbers)]
  }

  /// The gradient by the scales; that by elements is lost in their few bits.
  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    guard operand == 1 else { return nil }
    let (elements, scales) = (context.operands[0], context.operands[1])
    let products = context.gradient.converted(to: .float32) * elements.converted(to: .float32)
    let outer = Array(elements.shape.dropLast())
    let count = scales.shape.last ?? 0
    let padded = products.padded(
      elements.shape.map { _ in 0 }, in: outer + [count * block])
    return padded.reshaped(outer + [count, block]).sum([outer.count + 1])
  }
}

extension ElementType {
  /// The largest number that quantised elements of this type have; nil for other types.
  fileprivate var largestQuantized: Double? {
    switch self {
    case .int8: 127
    case .float8e4m3: 448
    case .float8e5m2: 57344
    default: nil
    }
  }
}
