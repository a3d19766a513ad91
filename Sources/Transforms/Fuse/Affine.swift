import DeepEPTensors

/// An index along one dimension: `offset + Σ variable · stride`.
struct Affine: Hashable {
  var offset = 0
  /// Strides by loop variable; none is zero.
  private(set) var strides: [LoopVariable: Int] = [:]

  init(_ offset: Int = 0) { self.offset = offset }

  init(variable: LoopVariable, stride: Int = 1) { add(variable, stride) }

  /// The loop variables on which the index depends.
  var variables: Set<LoopVariable> { Set(strides.keys) }

  private mutating func add(_ variable: LoopVariable, _ stride: Int) {
    let sum = strides[variable, default: 0] + stride
    strides[variable] = sum == 0 ? nil : sum
  }

  static func + (x: Affine, y: Affine) -> Affine {
    var sum = x
    sum.offset += y.offset
    for (variable, stride) in y.strides { sum.add(variable, stride) }
    return sum
  }

  static func * (x: Affine, factor: Int) -> Affine {
    var product = Affine(x.offset * factor)
    for (variable, stride) in x.strides { product.add(variable, stride * factor) }
    return product
  }

  /// The position in a row-major buffer that an index along each dimension leads to.
  static func position(_ index: [Affine], _ strides: [Int]) -> Affine {
    zip(index, strides).reduce(Affine()) { $0 + $1.0 * $1.1 }
  }

  /// The kernel IR's form.
  var index: Index {
    Index(
      offset: offset,
      terms: strides.sorted { $0.key < $1.key }.map { IndexTerm($0.key, stride: $0.value) })
  }
}

extension ReshapeGroup {
  /// The index along the source's dimensions for one along the target's; nil if it is not affine.
  func sourceIndex(_ target: [Affine]) -> [Affine]? {
    if source == self.target { return target }
    if source.isEmpty { return [] }
    guard source.count == 1 else {
      return self.target.isEmpty ? source.map { _ in Affine() } : nil
    }
    return [Affine.position(target, rowMajorStrides(self.target))]
  }
}

extension Reshape {
  /// The index into the operand for one into the result; nil if it is not affine.
  func operandIndex(_ index: [Affine], from source: [Int]) -> [Affine]? {
    var rest = index[...]
    var result: [Affine] = []
    for group in reshapeGroups(from: source, to: shape) {
      guard let part = group.sourceIndex(Array(rest.prefix(group.target.count))) else { return nil }
      rest = rest.dropFirst(group.target.count)
      result += part
    }
    return result
  }
}
