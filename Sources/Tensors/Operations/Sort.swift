import DeepEPElements

/// The elements along a dimension in ascending or descending order.
///
/// Results: the values, and where along the dimension each was. Equal elements keep their order; what
/// is not a number counts as the largest, as in PyTorch.
package struct Sort: Operation {
  /// The dimension.
  package var dimension: Int
  /// Whether the largest comes first.
  package var isDescending: Bool
  /// The element type of the indices: int32 or int64.
  package var indexElement: ElementType
  package var name: String { "sort" }

  package init(dimension: Int, isDescending: Bool = false, indexElement: ElementType = .int32) {
    self.dimension = dimension
    self.isDescending = isDescending
    self.indexElement = indexElement
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    try expectDimensions([dimension], of: operands[0])
    try expectIndex(indexElement)
    return [operands[0], operands[0].with(element: indexElement)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let walks = operands[0].shape.indices.map { [$0] }
    return Factors(
      sizes: operands[0].shape, operands: [walks], results: [walks, walks], whole: [dimension])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let order = operands[0].order(along: dimension, isDescending: isDescending)
    return operands[0].chosen(order, along: dimension, types)
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradientOfChosen(along: dimension)
  }
}

/// The largest or smallest elements along a dimension, the best first.
///
/// Results: the values, and where along the dimension each was. Of equal elements the first comes
/// first; what is not a number counts as the largest, as in PyTorch.
package struct TopK: Operation {
  /// The number of elements.
  package var count: Int
  /// The dimension.
  package var dimension: Int
  /// Which elements are wanted.
  package var extreme: Extreme
  /// The element type of the indices: int32 or int64.
  package var indexElement: ElementType
  package var name: String { "topK" }

  package init(
    count: Int, dimension: Int, extreme: Extreme = .largest, indexElement: ElementType = .int32
  ) {
    self.count = count
    self.dimension = dimension
    self.extreme = extreme
    self.indexElement = indexElement
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    try expectDimensions([dimension], of: operands[0])
    try expectIndex(indexElement)
    guard (0...operands[0].shape[dimension]).contains(count) else {
      throw ShapeError(name, "\(operands[0]) has no \(count) elements along dimension \(dimension)")
    }
    var result = operands[0]
    result.dimensions[dimension] = .fixed(count)
    return [result, result.with(element: indexElement)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: [], operands: [[]], results: [[]])
    for (index, size) in operands[0].shape.enumerated() {
      let isChosen = index == dimension
      let loop = isChosen ? factors.addWhole(size) : factors.addLoop(size)
      factors.operands[0].append([loop])
      factors.results[0].append([isChosen ? factors.addIndexed(count) : loop])
    }
    factors.results.append(factors.results[0])
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let order = operands[0].order(along: dimension, isDescending: extreme == .largest)
    return operands[0].chosen(order.map { Array($0.prefix(count)) }, along: dimension, types)
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradientOfChosen(along: dimension)
  }
}

extension GradientContext {
  /// The gradient of values that were taken from the first operand at the indices of the second
  /// result.
  fileprivate func gradientOfChosen(along dimension: Int) -> Tensor {
    operands[0].zerosAdding(gradient, at: results[1], along: dimension)
  }
}

extension HostArray {
  /// For each line along a dimension the order of its elements.
  fileprivate func order(along dimension: Int, isDescending: Bool) -> [[Int]] {
    let lines = Lines(shape, along: dimension)
    let isSmaller = isSmaller
    return lines.starts.map { start in
      // Sorting is stable, so that equal elements keep their order in both directions.
      (0..<lines.length).sorted { left, right in
        let (x, y) = (start + left * lines.stride, start + right * lines.stride)
        return isDescending ? isSmaller(y, x) : isSmaller(x, y)
      }
    }
  }

  /// The elements at indices along each line, and the indices.
  fileprivate func chosen(_ indices: [[Int]], along dimension: Int, _ types: [Type]) -> [HostArray]
  {
    let (source, target) = (
      Lines(shape, along: dimension), Lines(types[0].shape, along: dimension)
    )
    var places = [Int](repeating: 0, count: types[0].elementCount)
    var integers = places.map(Int64.init)
    for (line, chosen) in indices.enumerated() {
      for (rank, index) in chosen.enumerated() {
        let place = target.starts[line] + rank * target.stride
        places[place] = source.starts[line] + index * source.stride
        integers[place] = Int64(index)
      }
    }
    return [
      gathered(places, shape: types[0].shape),
      HostArray(types[1].element, types[1].shape, integers: integers),
    ]
  }
}
