import DeepEPElements
import DeepEPTensors
import Testing

/// Which loops of an operation can be cut is written in its factors: all that are independent, and no
/// others.
@Suite struct LoopTests {
  /// An operation, its operands, the sizes of the loops that can be cut, and its flops.
  struct Case: CustomTestStringConvertible, Sendable {
    let operation: any Operation
    let operands: [Type]
    let free: [Int]
    let flops: Double?
    var testDescription: String { "\(operation.name) \(operands)" }

    init(
      _ operation: any Operation, _ operands: [Type], free: [Int], flops: Double? = nil
    ) {
      self.operation = operation
      self.operands = operands
      self.free = free
      self.flops = flops
    }
  }

  private static func f(_ shape: Int...) -> Type { Type(.float32, shape) }
  private static func i(_ shape: Int...) -> Type { Type(.int32, shape) }
  private static let plane = SpatialWindow(rank: 1, padding: [1])

  static let cases: [Case] = [
    Case(DynamicSlice(dimensions: [1], sizes: [2]), [f(2, 3, 5), i()], free: [2, 5], flops: 0),
    Case(DynamicUpdateSlice(dimensions: [1]), [f(2, 3, 5), f(2, 1, 5), i()], free: [2, 5]),
    Case(GatherAlong(dimension: 1), [f(2, 3), i(2, 7)], free: [2, 7], flops: 0),
    Case(ScatterAddAlong(dimension: 1), [f(2, 3), i(2, 7), f(2, 7)], free: [2], flops: 14),
    Case(ArgReduce(extreme: .largest, dimension: 0), [f(2, 3)], free: [3], flops: 6),
    Case(Sort(dimension: 1), [f(2, 3, 5)], free: [2, 5]),
    Case(TopK(count: 2, dimension: 1), [f(2, 3, 5)], free: [2, 5], flops: 30),
    Case(Scan(reduction: .sum, dimension: 0), [f(2, 3)], free: [3]),
    // Batch, outputs and channels; in groups, the groups too.
    Case(
      Convolution(window: plane), [f(2, 3, 7), f(5, 3, 3)], free: [2, 5, 3],
      flops: 2 * 2 * 5 * 3 * 7 * 3),
    Case(
      Convolution(window: plane, groups: 2), [f(3, 4, 7), f(10, 2, 3)], free: [3, 2, 5, 2],
      flops: 2 * 3 * 10 * 2 * 7 * 3),
    Case(
      ConvolutionInputGradient(window: plane, groups: 1, sizes: [7]), [f(2, 5, 7), f(5, 3, 3)],
      free: [2, 5, 3], flops: 2 * 2 * 5 * 3 * 7 * 3),
    Case(
      ConvolutionWeightGradient(window: plane, groups: 1, taps: [3]), [f(2, 3, 7), f(2, 5, 7)],
      free: [2, 5, 3], flops: 2 * 2 * 5 * 3 * 7 * 3),
    Case(MaximumPool(taps: [3], window: plane), [f(2, 3, 7)], free: [2, 3], flops: 126),
    Case(AveragePool(taps: [3], window: plane), [f(2, 3, 7)], free: [2, 3], flops: 126),
    Case(SegmentReduce(reduction: .sum, count: 4), [f(7, 3), i(7)], free: [7, 3], flops: 21),
    Case(GroupedDot(), [f(7, 3), i(2), f(2, 3, 5)], free: [3, 5], flops: 210),
    Case(GroupedDotWeightGradient(), [f(7, 3), i(2), f(7, 5)], free: [3, 5], flops: 210),
    Case(Quantize(element: .int8, block: 4), [f(2, 12)], free: [2, 3]),
    Case(Quantize(element: .int8, block: 5), [f(2, 12)], free: [2]),
    Case(
      Dequantize(element: .float32, block: 4), [Type(.int8, [2, 12]), f(2, 3)], free: [2, 3]),
    Case(PackBits(), [Type(.bool, [2, 24])], free: [2, 3]),
    Case(UnpackBits(count: 9), [Type(.uint8, [3, 2])], free: [3]),
    Case(Bitcast(element: .int32), [f(2, 3)], free: [2, 3], flops: 0),
    Case(Transfer(space: .host), [f(2, 3)], free: [2, 3], flops: 0),
  ]

  @Test(arguments: cases) func independentLoopsCanBeCut(_ test: Case) throws {
    let results = try test.operation.resultTypes(of: test.operands)
    let factors = test.operation.factors(operands: test.operands, results: results)
    let free = factors.sizes.indices.filter { !factors.whole.contains($0) }
    #expect(free.map { factors.sizes[$0] } == test.free)
    #expect(factors.operands.map(factors.shape) == test.operands.map(\.shape))
    #expect(factors.results.map(factors.shape) == results.map(\.shape))
    if let flops = test.flops { #expect(factors.flops == flops) }
  }

  /// Cutting a free loop in two and combining the halves gives the whole: so each is independent.
  @Test(arguments: cases) func halvesOfALoopMakeTheWhole(_ test: Case) throws {
    let results = try test.operation.resultTypes(of: test.operands)
    let factors = test.operation.factors(operands: test.operands, results: results)
    let operands = test.operands.enumerated().map { Self.numbers($1, seed: $0) }
    let whole = try test.operation.evaluate(operands, types: results)
    for factor in factors.sizes.indices where !factors.whole.contains(factor) {
      let halves = try Self.halves(factors.sizes[factor]).map { range in
        let parts = zip(operands, factors.operands).map {
          $0.cut($1, factor, range, factors)
        }
        return try Self.part(test.operation, parts, results, factors, factor, range)
      }
      guard let halves = Self.all(halves) else {
        // The number of groups is an attribute; the halves are refused, not wrong.
        #expect(factors.sizes[factor] == (test.operation as? Convolution)?.groups)
        continue
      }
      for (result, walks) in factors.results.enumerated() {
        let joined = Self.joined(
          halves.map { $0[result] }, walks, factor, factors, test.operation.combination)
        #expect(joined.doubles == whole[result].doubles, "loop \(factor), result \(result)")
      }
    }
  }

  private static func numbers(_ type: Type, seed: Int) -> HostArray {
    let numbers = (0..<type.elementCount).map { index in
      let mixed = (index * 7 + seed * 3 + index / 5) % 11
      return type.element == .bool ? Double(mixed % 2) : Double(mixed % 4)
    }
    return HostArray(type.element, type.shape, numbers)
  }

  private static func halves(_ size: Int) -> [Range<Int>] { [0..<size / 2, size / 2..<size] }

  /// The results of the operation for part of a loop; nil if its attributes are of the whole.
  private static func part(
    _ operation: any Operation, _ parts: [HostArray], _ results: [Type], _ factors: Factors,
    _ factor: Int, _ range: Range<Int>
  ) throws -> [HostArray]? {
    var local = factors
    local.sizes[factor] = range.count
    let types = zip(results, factors.results).map { $0.with(shape: local.shape($1)) }
    let resized = operation.resized(to: types)
    guard (try? resized.resultTypes(of: parts.map(\.type))) == types else { return nil }
    return try resized.evaluate(parts, types: types)
  }

  private static func all(_ halves: [[HostArray]?]) -> [[HostArray]]? {
    let known = halves.compactMap { $0 }
    return known.count == halves.count ? known : nil
  }

  private static func joined(
    _ halves: [HostArray], _ walks: [[Int]], _ factor: Int, _ factors: Factors,
    _ combination: Reduction?
  ) -> HostArray {
    guard let dimension = walks.firstIndex(where: { $0.contains(factor) }) else {
      let function = (combination ?? .sum).function
      let scalars = (0..<halves[0].count).map {
        function.evaluate(halves[0][$0], halves[1][$0], halves[0].element)
      }
      return HostArray(halves[0].element, halves[0].shape, scalars: scalars)
    }
    let shape = factors.shape(walks)
    var numbers = [Double](repeating: .nan, count: shape.reduce(1, *))
    for (half, range) in zip(halves, Self.halves(factors.sizes[factor])) {
      let places = HostArray.places(walks, dimension, factor, range, factors)
      for (source, place) in places.enumerated() { numbers[place] = half.doubles[source] }
    }
    return HostArray(halves[0].element, shape, numbers)
  }
}

extension HostArray {
  /// The elements for which a loop is in a range.
  fileprivate func cut(
    _ walks: [[Int]], _ factor: Int, _ range: Range<Int>, _ factors: Factors
  ) -> HostArray {
    guard let dimension = walks.firstIndex(where: { $0.contains(factor) }) else { return self }
    let places = HostArray.places(walks, dimension, factor, range, factors)
    var local = factors
    local.sizes[factor] = range.count
    return gathered(places, shape: local.shape(walks))
  }

  /// The positions in a tensor of the elements for which a loop of one dimension is in a range.
  fileprivate static func places(
    _ walks: [[Int]], _ dimension: Int, _ factor: Int, _ range: Range<Int>, _ factors: Factors
  ) -> [Int] {
    let own = walks[dimension]
    let (before, after) = (
      own.prefix { $0 != factor }, own.drop { $0 != factor }.dropFirst()
    )
    let product = { (list: any Sequence<Int>) in
      list.reduce(1) { $0 * factors.sizes[$1] }
    }
    let outer = factors.shape(Array(walks[..<dimension])).reduce(1, *) * product(before)
    let inner = factors.shape(Array(walks[(dimension + 1)...])).reduce(1, *) * product(after)
    return (0..<outer).flatMap { o in
      range.flatMap { r in
        (0..<inner).map { (o * factors.sizes[factor] + r) * inner + $0 }
      }
    }
  }
}
