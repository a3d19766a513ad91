import DeepEPElements

/// Bounded dimensions: the memory of a maximum, of which a first part is valid.
extension Tensor {
  /// Declares that only the first `extent` elements along a dimension are valid.
  ///
  /// What lies beyond is undefined from then on: reductions, contractions, means and the like see the
  /// valid part only.
  ///
  /// - Parameters:
  ///   - dimension: A fixed dimension; negative ones count from the end.
  ///   - extent: An int32 scalar, which may depend on data. When the program runs, a negative one and
  ///     one larger than the dimension are errors.
  public func bounded(
    along dimension: Int, extent: Tensor, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let source = SourceLocation(file: file, line: line)
    let home = Trace.home(of: [self, extent])
    guard let value = home.adopt(extent), let known = home.adopt(self) else {
      return Tensor(home, nil)
    }
    guard extent.type == Type(.int32, []) else {
      home.fail(ShapeError("bounded", "the extent must be int32[], got \(extent.type)"), source)
      return Tensor(home, nil)
    }
    let operation = Bounded(dimension: position(dimension), extent: value)
    return home.apply(operation, [Tensor(home, known)], source: source)[0]
  }

  /// The tensor with fixed dimensions: every element beyond an extent is `filling`.
  public func unbounded(filling: Double) -> Tensor {
    type.dimensions.indices.filter { type.dimensions[$0].extent != nil }.reduce(self) {
      $0.unbounded(along: $1, filling: filling)
    }
  }

  /// The tensor with one bounded dimension made fixed: every element beyond its extent is `filling`.
  public func unbounded(
    along dimension: Int, filling: Double, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    apply(
      Unbounded(dimension: position(dimension), filling: filling),
      source: SourceLocation(file: file, line: line))
  }

  /// How much of a dimension is valid, as an int32 scalar: all of a fixed one.
  public func count(along dimension: Int) -> Tensor {
    guard !isPoisoned, type.dimensions.indices.contains(position(dimension)) else {
      trace.fail(ShapeError("count", "\(type) has no dimension \(dimension)"))
      return Tensor(trace, nil)
    }
    let known = type.dimensions[position(dimension)]
    if let extent = known.extent { return Tensor(trace, extent) }
    return trace.apply(Constant(type: Type(.int32, []), numbers: [Double(known.size)]), [])[0]
  }

  /// The number of valid elements along dimensions as this tensor's element type, at least one; nil if
  /// all of the dimensions are fixed.
  func boundedCount(along dimensions: [Int]) -> Tensor? {
    let known = dimensions.filter(type.dimensions.indices.contains)
    guard known.contains(where: { type.dimensions[$0].extent != nil }) else { return nil }
    let counts = known.map { count(along: $0).converted(to: type.element) }
    let product = counts.dropFirst().reduce(counts[0]) { $0 * $1 }
    return product.maximum(product.filled(with: 1))
  }

  private func position(_ dimension: Int) -> Int { dimension < 0 ? dimension + rank : dimension }
}
