import DeepEPElements

/// A value that the caller of an entry passes in.
package struct Input: Operation {
  /// Its position among the entry's inputs.
  package var index: Int
  /// Its type.
  package var type: Type
  package var name: String { "input" }

  package init(index: Int, type: Type) {
    self.index = index
    self.type = type
  }

  package func resultTypes(of operands: [Type]) -> [Type] { [type] }
  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(type.shape, operands: 0, flops: 0)
  }
  package func evaluate(_ operands: [HostArray], types: [Type]) throws -> [HostArray] {
    throw ShapeError(name, "input \(index) was not given")
  }

  package func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Input {
    Input(index: index, type: try type.mappingExtents(map))
  }
  package func resized(to results: [Type]) -> any Operation {
    Input(index: index, type: results[0])
  }
}

/// The value of a slot from before the call.
package struct Read: Operation {
  /// The slot's position in the program.
  package var slot: Int
  /// Its type.
  package var type: Type
  package var name: String { "read" }

  package init(slot: Int, type: Type) {
    self.slot = slot
    self.type = type
  }

  package func resultTypes(of operands: [Type]) -> [Type] { [type] }
  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(type.shape, operands: 0, flops: 0)
  }
  package func evaluate(_ operands: [HostArray], types: [Type]) throws -> [HostArray] {
    throw ShapeError(name, "slot \(slot) has no value")
  }
}

/// Numbers that are known when the program is built: one for all elements, or one for each.
package struct Constant: Operation {
  /// The type of the result.
  package var type: Type
  /// One number for all elements, or as many as there are elements, row-major.
  package var numbers: [Double]
  package var name: String { "constant" }

  package init(type: Type, numbers: [Double]) {
    self.type = type
    self.numbers = numbers
  }

  /// The number of all elements, if they are alike.
  package var splat: Double? { numbers.count == 1 ? numbers[0] : nil }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    guard numbers.count == 1 || numbers.count == type.elementCount else {
      throw ShapeError(name, "\(numbers.count) numbers for \(type)")
    }
    return [type]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(type.shape, operands: 0, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let all = splat.map { [Double](repeating: $0, count: type.elementCount) } ?? numbers
    return [HostArray(type.element, type.shape, all)]
  }

  package func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Constant {
    Constant(type: try type.mappingExtents(map), numbers: numbers)
  }
  package func resized(to results: [Type]) -> any Operation {
    guard splat == nil, results[0].shape != type.shape else {
      return Constant(type: results[0], numbers: numbers)
    }
    let all = HostArray(.float64, type.shape, numbers).cut(to: results[0].shape)
    return Constant(type: results[0], numbers: all.doubles)
  }
}

/// The index of each element along one dimension; an integer type keeps its low bits.
package struct Iota: Operation {
  /// The type of the result.
  package var type: Type
  /// The dimension along which the numbers grow, from zero.
  package var dimension: Int
  package var name: String { "iota" }

  package init(type: Type, dimension: Int) {
    self.type = type
    self.dimension = dimension
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    guard type.dimensions.indices.contains(dimension) else {
      throw ShapeError(name, "\(type) has no dimension \(dimension)")
    }
    return [type]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(type.shape, operands: 0, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    var indices: [Int64] = []
    forEachIndex(type.shape) { indices.append(Int64($0[dimension])) }
    return [HostArray(type.element, type.shape, integers: indices)]
  }

  package func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Iota {
    Iota(type: try type.mappingExtents(map), dimension: dimension)
  }
  package func resized(to results: [Type]) -> any Operation {
    Iota(type: results[0], dimension: dimension)
  }
}

/// Sixty-four random bits for each element, a function of a key and the element's number alone.
///
/// Operands: the key, a `uint64` scalar, and the `int64` number of each element. Whoever numbers an
/// element alike draws the same bits, on any rank and in any micro-batch. Word `i` of key `k` is
/// `mix(mix(k · G) + (i + 1) · G)` with SplitMix64's constant `G` and finaliser `mix` (Steele, Lea,
/// Flood: Fast Splittable Pseudorandom Number Generators, 2014).
package struct Random: Operation {
  package var name: String { "random" }

  package init() {}

  /// SplitMix64's golden-ratio increment.
  package static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    guard operands[0] == Type(.uint64, []), operands[1].element == .int64 else {
      throw ShapeError(
        name, "needs a uint64 scalar as key and int64 numbers, got \(operands.map(\.description))")
    }
    return [operands[1].with(element: .uint64)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let shape = results[0].shape
    let walk = shape.indices.map { [$0] }
    return Factors(sizes: shape, operands: [[], walk], results: [walk], flopsPerPoint: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let key = UInt64(bitPattern: operands[0].integers[0])
    let words = operands[1].integers.map { Int64(bitPattern: Random.word(key, $0)) }
    return [HostArray(.uint64, types[0].shape, integers: words)]
  }

  /// Word `number` of the sequence of a key.
  package static func word(_ key: UInt64, _ number: some BinaryInteger) -> UInt64 {
    mix(mix(key &* increment) &+ (UInt64(truncatingIfNeeded: number) &+ 1) &* increment)
  }

  /// SplitMix64's finaliser.
  package static func mix(_ word: UInt64) -> UInt64 {
    var z = word
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Trace {
  /// The number of each element of a shape, int64, counted row-major.
  ///
  /// `order` names the dimensions, the slowest first; by default their own order. Another one numbers
  /// a transpose alike.
  package func elementNumbers(_ shape: [Int], order: [Int]? = nil) -> Tensor {
    let order = order ?? Array(shape.indices)
    let type = Type(.int64, shape)
    let strides = rowMajorStrides(order.map { shape[$0] })
    let terms = zip(order, strides).map { dimension, stride in
      apply(Iota(type: type, dimension: dimension), [])[0] * Double(stride)
    }
    let zero = apply(Constant(type: type, numbers: [0]), [])[0]
    return terms.dropFirst().reduce(terms.first ?? zero, +)
  }
}
