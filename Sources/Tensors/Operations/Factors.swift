/// The named loops over which an operation runs, and the factors that each dimension walks.
///
/// A dimension walks a list of factors, outermost first: more than one where a shape is split or
/// merged (`3 · heads · headWidth`). A factor that no result walks is reduced over. Shape, flop count,
/// fusion and partition follow from this.
public struct Factors: Hashable, Sendable {
  /// The extent of each factor.
  public var sizes: [Int]
  /// For each operand and each of its dimensions, the factors it walks.
  public var operands: [[[Int]]]
  /// For each result and each of its dimensions, the factors it walks.
  public var results: [[[Int]]]
  /// Factors that cannot be cut into independent pieces: sliced, scanned or sorted dimensions.
  public var whole: Set<Int>
  /// Factors that are no loops but places that loops find by an index.
  ///
  /// The rows of a gathered table; the height and width under a convolution's window. They are whole,
  /// and cost nothing.
  public var indexed: Set<Int>
  /// Floating-point operations for one point of the loop nest.
  public var flopsPerPoint: Int

  /// Makes factors.
  public init(
    sizes: [Int], operands: [[[Int]]], results: [[[Int]]], whole: Set<Int> = [],
    indexed: Set<Int> = [], flopsPerPoint: Int = 1
  ) {
    self.sizes = sizes
    self.operands = operands
    self.results = results
    self.whole = whole.union(indexed)
    self.indexed = indexed
    self.flopsPerPoint = flopsPerPoint
  }

  /// The factors that are reduced over.
  public var reduced: Set<Int> {
    Set(sizes.indices).subtracting(results.joined().joined())
  }

  /// Floating-point operations of the whole nest.
  public var flops: Double {
    sizes.indices.reduce(Double(flopsPerPoint)) {
      indexed.contains($1) ? $0 : $0 * Double(sizes[$1])
    }
  }

  /// The factors of an operation that treats every element alike: all operands and results have the
  /// same shape.
  public static func elementwise(_ shape: [Int], operands: Int, flops: Int = 1) -> Factors {
    let identity = shape.indices.map { [$0] }
    return Factors(
      sizes: shape, operands: Array(repeating: identity, count: operands), results: [identity],
      flopsPerPoint: flops)
  }

  /// The size of each dimension that walks given factors.
  public func shape(_ dimensions: [[Int]]) -> [Int] {
    dimensions.map { $0.reduce(1) { $0 * sizes[$1] } }
  }
}

extension Factors {
  /// Appends a loop; returns its number.
  mutating func addLoop(_ size: Int) -> Int {
    sizes.append(size)
    return sizes.count - 1
  }

  /// Appends a loop that cannot be cut; returns its number.
  mutating func addWhole(_ size: Int) -> Int {
    whole.insert(sizes.count)
    return addLoop(size)
  }

  /// Appends places that other loops find by an index; returns the number of the factor.
  mutating func addIndexed(_ size: Int) -> Int {
    indexed.insert(sizes.count)
    return addWhole(size)
  }
}
