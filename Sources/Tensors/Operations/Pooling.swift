import DeepEPElements

/// The largest element under each window.
///
/// Operand: `[batch, channels, spatial...]`. Results: the values, and the int32 position of each within
/// the spatial dimensions, row-major; the first in a tie. What is not a number counts as the largest.
/// Padding never wins.
package struct MaximumPool: Operation {
  /// The size of the window.
  package var taps: [Int]
  /// How it moves.
  package var window: SpatialWindow
  package var name: String { "maximumPool" }

  package init(taps: [Int], window: SpatialWindow) {
    self.taps = taps
    self.window = window
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let result = try pooled(operands[0], taps, window)
    return [result, result.with(element: .int32)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .pool(operands[0].shape, taps, results[0].shape, resultCount: 2)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let planes = Planes(x.shape, taps, window, types[0].shape)
    let isSmaller = x.isSmaller
    var best = [Int?](repeating: nil, count: types[0].elementCount)
    planes.forEach { element, place in
      guard let known = best[place] else { return best[place] = element }
      if isSmaller(known, element) { best[place] = element }
    }
    let places = best.map { $0 ?? 0 }
    return [
      x.gathered(places, shape: types[0].shape),
      HostArray(.int32, types[1].shape, integers: places.map { Int64($0 % planes.inputSize) }),
    ]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, places) = (context.operands[0], context.results[1])
    let flat = { (tensor: Tensor) in
      tensor.reshaped(
        Array(tensor.shape.prefix(2)) + [tensor.shape.dropFirst(2).reduce(1, *)])
    }
    let zeros = flat(x).filled(with: 0)
    return zeros.scatterAdd(flat(context.gradient), at: flat(places), along: 2).reshaped(x.shape)
  }
}

/// The mean of the elements under each window.
///
/// Operand: `[batch, channels, spatial...]`.
package struct AveragePool: Operation {
  /// The size of the window.
  package var taps: [Int]
  /// How it moves.
  package var window: SpatialWindow
  /// Whether the mean is over the window with its padding, which is zero, as PyTorch's default.
  package var countsPadding: Bool
  package var name: String { "averagePool" }

  package init(taps: [Int], window: SpatialWindow, countsPadding: Bool = true) {
    self.taps = taps
    self.window = window
    self.countsPadding = countsPadding
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    return [try pooled(operands[0], taps, window)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .pool(operands[0].shape, taps, results[0].shape, resultCount: 1)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0].doubles
    let planes = Planes(operands[0].shape, taps, window, types[0].shape)
    let shares = planes.shares(countsPadding)
    var totals = [Double](repeating: 0, count: types[0].elementCount)
    planes.forEach { element, place in totals[place] += x[element] }
    for place in totals.indices { totals[place] *= shares[place % planes.outputSize] }
    return [HostArray(types[0].element, types[0].shape, totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let sizes = Array(context.operands[0].shape.dropFirst(2))
    return context.gradient.apply(AveragePoolGradient(pool: self, sizes: sizes))
  }
}

/// The gradient of an ``AveragePool``: spreads each element over the window that it is the mean of.
package struct AveragePoolGradient: Operation {
  /// The pool whose gradient this is.
  package var pool: AveragePool
  /// The spatial sizes of the pool's operand.
  package var sizes: [Int]
  package var name: String { "averagePoolGradient" }

  package init(pool: AveragePool, sizes: [Int]) {
    self.pool = pool
    self.sizes = sizes
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    try expectImages(operands, pool.window.rank)
    guard sizes.allSatisfy({ $0 >= 0 }) else {
      throw ShapeError(name, "sizes \(sizes) are no input")
    }
    var result = operands[0]
    result.dimensions = operands[0].dimensions.prefix(2) + sizes.map { .fixed($0) }
    try expectOutput(operands[0], of: pool, [result])
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors.pool(results[0].shape, pool.taps, operands[0].shape, resultCount: 1)
    swap(&factors.operands, &factors.results)
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let gradients = operands[0].doubles
    let planes = Planes(types[0].shape, pool.taps, pool.window, operands[0].shape)
    let shares = planes.shares(pool.countsPadding)
    var totals = [Double](repeating: 0, count: types[0].elementCount)
    planes.forEach { element, place in
      totals[element] += gradients[place] * shares[place % planes.outputSize]
    }
    return [HostArray(types[0].element, types[0].shape, totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.apply(pool)
  }
}

extension Operation {
  /// The type of what is under the windows of an operand.
  fileprivate func pooled(_ operand: Type, _ taps: [Int], _ window: SpatialWindow) throws -> Type {
    try expectImages([operand], window.rank)
    let sizes = Array(operand.shape[2...])
    var result = operand
    let outputs = try window.outputSizes(name, input: sizes, taps: taps)
    for (dimension, size) in sizes.enumerated() {
      let dilation = window.dilations[dimension]
      let span = dilation * (taps[dimension] - 1) + 1
      let padding = max(window.paddingLow[dimension], window.paddingHigh[dimension])
      // Then every window reaches an element with one of its taps.
      guard padding < span, size >= dilation else {
        throw ShapeError(
          name,
          "a window of \(span) with padding \(padding) and dilation \(dilation) over \(size) elements "
            + "could hold nothing but padding; pad less")
      }
    }
    result.dimensions = operand.dimensions.prefix(2) + outputs.map { .fixed($0) }
    return result
  }
}

extension Factors {
  /// Batch and channels can be cut; spatial dimensions cannot, as windows overlap.
  fileprivate static func pool(
    _ input: [Int], _ taps: [Int], _ output: [Int], resultCount: Int
  ) -> Factors {
    var factors = Factors(sizes: Array(input.prefix(2)), operands: [], results: [])
    factors.operands = [[[0], [1]] + input[2...].map { [factors.addIndexed($0)] }]
    let result = [[0], [1]] + output[2...].map { [factors.addWhole($0)] }
    factors.results = Array(repeating: result, count: resultCount)
    for size in taps { _ = factors.addWhole(size) }
    return factors
  }
}

/// The windows over every channel of every example.
private struct Planes {
  let inputSize: Int
  let outputSize: Int
  private let count: Int
  private let tapCount: Int
  private let contacts: [Contact]

  init(_ input: [Int], _ taps: [Int], _ window: SpatialWindow, _ output: [Int]) {
    count = input[0] * input[1]
    inputSize = input[2...].reduce(1, *)
    outputSize = output[2...].reduce(1, *)
    tapCount = taps.reduce(1, *)
    contacts = window.contacts(input: Array(input[2...]), taps: taps, output: Array(output[2...]))
  }

  /// Calls `body` with the positions of each element under a window and of the window.
  func forEach(_ body: (Int, Int) -> Void) {
    for plane in 0..<count {
      for contact in contacts {
        body(plane * inputSize + contact.element, plane * outputSize + contact.window)
      }
    }
  }

  /// One over the number of elements of each window.
  func shares(_ countsPadding: Bool) -> [Double] {
    guard !countsPadding else {
      return Array(repeating: 1 / Double(tapCount), count: outputSize)
    }
    var counts = [Double](repeating: 0, count: outputSize)
    for contact in contacts { counts[contact.window] += 1 }
    return counts.map { 1 / $0 }
  }
}
