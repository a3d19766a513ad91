import DeepEPElements

/// The same elements in row-major order under another shape.
package struct Reshape: Operation {
  /// The shape of the result.
  package var shape: [Int]
  package var name: String { "reshape" }
  package func resized(to results: [Type]) -> any Operation { Reshape(shape: results[0].shape) }

  package init(shape: [Int]) {
    self.shape = shape
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard operands[0].elementCount == elementCount(of: shape), shape.allSatisfy({ $0 >= 0 }) else {
      throw ShapeError(name, "\(operands[0]) cannot take the shape \(shape)")
    }
    return [operands[0].with(shape: shape)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var factors = Factors(sizes: [], operands: [[]], results: [[]], flopsPerPoint: 0)
    for group in reshapeGroups(from: operands[0].shape, to: shape) {
      let finer = group.source.count >= group.target.count ? group.source : group.target
      let left = factors.adding(group.splits ? finer : group.source)
      // Without a common refinement each side walks factors of its own, which cannot be cut.
      let right = group.splits ? left : factors.adding(group.target)
      if !group.splits { factors.whole.formUnion(left + right) }
      factors.operands[0] += distribute(left, over: group.source)
      factors.results[0] += distribute(right, over: group.target)
    }
    return factors
  }

  /// One factor each for the finer side; all of them for the one dimension of the coarser side.
  private func distribute(_ factors: [Int], over sizes: [Int]) -> [[Int]] {
    if sizes.count == factors.count { return factors.map { [$0] } }
    return sizes.isEmpty ? [] : [factors]
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    [operands[0].reshaped(shape)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.reshaped(context.operands[0].shape)
  }
}

/// Dimensions of a reshape that turn into one another.
package struct ReshapeGroup: Hashable, Sendable {
  package var source: [Int]
  package var target: [Int]
  /// Whether one side is a single dimension (or both are alike), so that indices map affinely from
  /// the finer side.
  package var splits: Bool { source.count <= 1 || target.count <= 1 || source == target }
}

/// The finest grouping of dimensions in which the sizes of both sides have equal products.
package func reshapeGroups(from source: [Int], to target: [Int]) -> [ReshapeGroup] {
  var groups: [ReshapeGroup] = []
  var (i, j) = (0, 0)
  while i < source.count || j < target.count {
    var (left, right) = (source[i..<min(i + 1, source.count)], target[j..<min(j + 1, target.count)])
    // A dimension of size one that the other side does not have stands alone.
    if left.first == 1, right.first != 1 { right = target[j..<j] }
    if right.first == 1, left.first != 1 { left = source[i..<i] }
    while left.reduce(1, *) != right.reduce(1, *) {
      if left.reduce(1, *) < right.reduce(1, *), left.endIndex < source.count {
        left = source[i...left.endIndex]
      } else if right.endIndex < target.count {
        right = target[j...right.endIndex]
      } else if left.endIndex < source.count {
        left = source[i...left.endIndex]
      } else {
        break
      }
    }
    groups.append(ReshapeGroup(source: Array(left), target: Array(right)))
    (i, j) = (left.endIndex, right.endIndex)
  }
  return groups
}

/// Reorders dimensions: dimension `i` of the result is dimension `permutation[i]` of the operand.
package struct Transpose: Operation {
  /// The operand's dimension for each dimension of the result.
  package var permutation: [Int]
  package var name: String { "transpose" }

  package init(permutation: [Int]) {
    self.permutation = permutation
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard permutation.sorted() == Array(0..<operands[0].rank) else {
      throw ShapeError(name, "\(permutation) is no permutation of the dimensions of \(operands[0])")
    }
    var result = operands[0]
    result.dimensions = permutation.map { operands[0].dimensions[$0] }
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let shape = operands[0].shape
    return Factors(
      sizes: shape, operands: [shape.indices.map { [$0] }], results: [permutation.map { [$0] }],
      flopsPerPoint: 0)
  }

  /// The permutation that undoes this one.
  package var inverse: [Int] {
    var inverse = permutation
    for (result, source) in permutation.enumerated() { inverse[source] = result }
    return inverse
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let inverse = inverse
    let places = positions(of: types[0].shape, in: operands[0].shape) { index in
      inverse.map { index[$0] }
    }
    return [operands[0].gathered(places, shape: types[0].shape)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.transposed(inverse)
  }
}

/// Repeats an operand along new dimensions.
package struct Broadcast: Operation {
  /// The shape of the result.
  package var shape: [Int]
  /// The dimension of the result that each dimension of the operand becomes, ascending; its size is
  /// the same or, in the operand, one.
  package var dimensions: [Int]
  package var name: String { "broadcast" }
  package func resized(to results: [Type]) -> any Operation {
    Broadcast(shape: results[0].shape, dimensions: dimensions)
  }

  package init(shape: [Int], dimensions: [Int]) {
    self.shape = shape
    self.dimensions = dimensions
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let sizes = operands[0].shape
    let fits =
      dimensions.count == sizes.count && dimensions == Set(dimensions).sorted()
      && zip(dimensions, sizes).allSatisfy {
        shape.indices.contains($0) && ($1 == shape[$0] || $1 == 1)
      }
    guard fits else {
      throw ShapeError(name, "\(operands[0]) does not spread to \(shape) along \(dimensions)")
    }
    return [operands[0].with(shape: shape)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let sizes = operands[0].shape
    let operand = zip(dimensions, sizes).map { $1 == shape[$0] ? [$0] : [] }
    return Factors(
      sizes: shape, operands: [operand], results: [shape.indices.map { [$0] }], flopsPerPoint: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let sizes = operands[0].shape
    let places = positions(of: shape, in: sizes) { index in
      zip(dimensions, sizes).map { $1 == 1 ? 0 : index[$0] }
    }
    return [operands[0].gathered(places, shape: shape)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let sizes = context.operands[0].shape
    let kept = zip(dimensions, sizes).filter { $1 == shape[$0] }.map(\.0)
    let summed = context.gradient.sum(shape.indices.filter { !kept.contains($0) })
    return summed.reshaped(sizes)
  }
}

/// A box of elements.
package struct Slice: Operation {
  /// The first index along each dimension.
  package var starts: [Int]
  /// The number of elements along each dimension.
  package var sizes: [Int]
  package var name: String { "slice" }
  package func resized(to results: [Type]) -> any Operation {
    Slice(starts: starts, sizes: results[0].shape)
  }

  package init(starts: [Int], sizes: [Int]) {
    self.starts = starts
    self.sizes = sizes
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let shape = operands[0].shape
    let fits =
      starts.count == shape.count && sizes.count == shape.count
      && shape.indices.allSatisfy {
        starts[$0] >= 0 && sizes[$0] >= 0 && starts[$0] <= shape[$0] - sizes[$0]
      }
    guard fits else {
      throw ShapeError(name, "\(sizes) elements from \(starts) lie outside \(operands[0])")
    }
    return [operands[0].with(shape: sizes)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .resizing(from: operands[0].shape, to: sizes)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let places = positions(of: sizes, in: operands[0].shape) { zip($0, starts).map { $0 + $1 } }
    return [operands[0].gathered(places, shape: sizes)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.padded(starts, in: context.operands[0].shape)
  }
}

/// Puts an operand into a larger tensor of zeros.
package struct Pad: Operation {
  /// Where the operand begins along each dimension.
  package var starts: [Int]
  /// The shape of the result.
  package var shape: [Int]
  package var name: String { "pad" }
  package func resized(to results: [Type]) -> any Operation {
    Pad(starts: starts, shape: results[0].shape)
  }

  package init(starts: [Int], shape: [Int]) {
    self.starts = starts
    self.shape = shape
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let sizes = operands[0].shape
    let fits =
      starts.count == shape.count && sizes.count == shape.count
      && shape.indices.allSatisfy {
        starts[$0] >= 0 && shape[$0] >= 0 && starts[$0] <= shape[$0] - sizes[$0]
      }
    guard fits else {
      throw ShapeError(name, "\(operands[0]) at \(starts) does not fit into \(shape)")
    }
    return [operands[0].with(shape: shape)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .resizing(from: operands[0].shape, to: shape)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    var scalars = Array(repeating: x.element.scalar(0), count: types[0].elementCount)
    let places = positions(of: x.shape, in: shape) { zip($0, starts).map { $0 + $1 } }
    for (source, place) in places.enumerated() { scalars[place] = x[source] }
    return [HostArray(x.element, shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    context.gradient.sliced(starts, sizes: context.operands[0].shape)
  }
}

/// Operands one after the other along a dimension.
package struct Concatenate: Operation {
  /// The dimension.
  package var dimension: Int
  package var name: String { "concatenate" }

  package init(dimension: Int) {
    self.dimension = dimension
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    guard let first = operands.first, first.shape.indices.contains(dimension) else {
      throw ShapeError(name, "needs operands that have a dimension \(dimension)")
    }
    var shape = first.shape
    shape[dimension] = operands.reduce(0) { $0 + ($1.rank == first.rank ? $1.shape[dimension] : 0) }
    for operand in operands {
      var expected = shape
      if operand.rank == first.rank { expected[dimension] = operand.shape[dimension] }
      guard operand == first.with(shape: expected) else {
        throw ShapeError(name, "\(operand) does not continue \(first) along \(dimension)")
      }
    }
    return [first.with(shape: shape)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    var sizes = results[0].shape
    let all = sizes.indices.map { [$0] }
    var factors = Factors(sizes: [], operands: [], results: [all], flopsPerPoint: 0)
    for operand in operands {
      factors.operands.append(all.indices.map { $0 == dimension ? [sizes.count] : [$0] })
      factors.whole.insert(sizes.count)
      sizes.append(operand.shape[dimension])
    }
    factors.whole.insert(dimension)
    factors.sizes = sizes
    return factors
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    var scalars: [Scalar] = []
    let strides = operands.map { rowMajorStrides($0.shape) }
    forEachIndex(types[0].shape) { index in
      var (index, source) = (index, 0)
      while index[dimension] >= operands[source].shape[dimension] {
        index[dimension] -= operands[source].shape[dimension]
        source += 1
      }
      scalars.append(operands[source][zip(index, strides[source]).reduce(0) { $0 + $1.0 * $1.1 }])
    }
    return [HostArray(types[0].element, types[0].shape, scalars: scalars)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let shape = context.operands[operand].shape
    var starts = Array(repeating: 0, count: shape.count)
    starts[dimension] = context.operands[..<operand].reduce(0) { $0 + $1.shape[dimension] }
    return context.gradient.sliced(starts, sizes: shape)
  }
}

extension Factors {
  /// Appends factors; returns their numbers.
  fileprivate mutating func adding(_ sizes: [Int]) -> [Int] {
    defer { self.sizes += sizes }
    return Array(self.sizes.count..<self.sizes.count + sizes.count)
  }

  /// Factors of an operation that changes the size of some dimensions: those cannot be cut.
  fileprivate static func resizing(from source: [Int], to target: [Int]) -> Factors {
    var factors = Factors(sizes: target, operands: [[]], results: [[]], flopsPerPoint: 0)
    factors.results = [target.indices.map { [$0] }]
    for dimension in target.indices where source[dimension] != target[dimension] {
      factors.whole.formUnion([dimension, factors.sizes.count])
      factors.operands[0].append([factors.sizes.count])
      factors.sizes.append(source[dimension])
    }
    var resized = factors.operands[0][...]
    factors.operands[0] = target.indices.map {
      source[$0] != target[$0] ? resized.removeFirst() : [$0]
    }
    return factors
  }
}
