import DeepEPElements
import DeepEPTensors
import Testing

/// Operands that do not fit are refused with an error that says which and why.
@Suite struct ShapeRuleTests {
  /// An operation, operands, and words of the error.
  struct Case: CustomTestStringConvertible, Sendable {
    let operation: any Operation
    let operands: [Type]
    let words: String
    var testDescription: String { "\(operation.name) \(operands): \(words)" }

    init(_ operation: any Operation, _ operands: Type..., words: String) {
      self.init(operation, operands, words: words)
    }

    init(_ operation: any Operation, _ operands: [Type], words: String) {
      (self.operation, self.operands, self.words) = (operation, operands, words)
    }
  }

  static let cases =
    elements + boxes + ordering + windows + groups + representations + attentions

  static let attentions: [Case] = [
    attention(.window(length: 0), words: "a window of 0 positions"),
    attention(.window(length: 2), keys: 4, words: "as many keys as queries"),
    attention(.causal, keys: 4, segments: i([2, 3]), words: "as many keys as queries"),
    attention(.none, segments: f([2, 3]), words: "segments are integers"),
    attention(.none, segments: i([2, 4]), words: "one for each position"),
    attention(.none, segments: i([3]), words: "one for each position"),
  ]

  private static func attention(
    _ mask: AttentionMask, keys: Int = 3, segments: Type? = nil, words: String
  ) -> Case {
    let attention = Attention(scale: 1, mask: mask, hasSegments: segments != nil)
    let headed = [f([2, 3, 1, 4]), f([2, keys, 1, 4]), f([2, keys, 1, 4])]
    return Case(attention, headed + (segments.map { [$0] } ?? []), words: words)
  }

  static let elements: [Case] = [
    Case(Unary(function: .exponential), i([2]), words: "no meaning for int32[2]"),
    Case(Unary(function: .not), f([2]), words: "no meaning for float32[2]"),
    Case(Unary(function: .negate), Type(.bool, [2]), words: "converted(to:)"),
    Case(Binary(function: .power), i([2]), i([2]), words: "no meaning for int32[2]"),
    Case(Binary(function: .and), f([2]), f([2]), words: "no meaning for float32[2]"),
    Case(
      Binary(function: .subtract), Type(.bool, [2]), Type(.bool, [2]), words: "no meaning for bool"),
    Case(
      Binary(function: .shiftLeft), Type(.bool, [2]), Type(.bool, [2]), words: "no meaning for bool"
    ),
  ]

  static let boxes: [Case] = [
    Case(DynamicSlice(dimensions: [0], sizes: [1]), f([2, 3]), words: "expected 2 operands"),
    Case(DynamicSlice(dimensions: [0], sizes: [3]), f([2, 3]), i([]), words: "no 3 elements"),
    Case(DynamicSlice(dimensions: [0], sizes: [-1]), f([2]), i([]), words: "no -1 elements"),
    Case(DynamicSlice(dimensions: [0], sizes: []), f([2]), i([]), words: "0 sizes for 1"),
    Case(DynamicSlice(dimensions: [2], sizes: [1]), f([2, 3]), i([]), words: "no different"),
    Case(
      DynamicSlice(dimensions: [0, 0], sizes: [1, 1]), f([2, 3]), i([]), i([]),
      words: "no different"),
    Case(DynamicSlice(dimensions: [0], sizes: [1]), f([2]), i([1]), words: "a start must be"),
    Case(DynamicSlice(dimensions: [0], sizes: [1]), f([2]), f([]), words: "a start must be"),
    Case(DynamicUpdateSlice(dimensions: [0]), f([2]), f([3]), i([]), words: "does not fit into"),
    Case(
      DynamicUpdateSlice(dimensions: [0]), f([2, 3]), f([1, 2]), i([]), words: "may be smaller"),
    Case(DynamicUpdateSlice(dimensions: [0]), f([2]), i([1]), i([]), words: "does not fit into"),
    Case(DynamicUpdateSlice(dimensions: [1]), f([2, 3]), f([2]), i([]), words: "does not fit"),
    Case(DynamicUpdateSlice(dimensions: [0]), f([2]), f([1]), words: "expected 3 operands"),
  ]

  static let ordering: [Case] = [
    Case(ArgReduce(extreme: .largest, dimension: 0), words: "expected 1 operands"),
    Case(ArgReduce(extreme: .largest, dimension: 1), f([2]), words: "no different dimensions"),
    Case(ArgReduce(extreme: .largest, dimension: -1), f([2]), words: "no different dimensions"),
    Case(ArgReduce(extreme: .largest, dimension: 0), f([0]), words: "has no element"),
    Case(
      ArgReduce(extreme: .largest, dimension: 0, element: .int8), f([2]),
      words: "must be int32 or int64"),
    Case(Sort(dimension: 2), f([2, 3]), words: "no different dimensions"),
    Case(Sort(dimension: 0, indexElement: .float32), f([2]), words: "must be int32 or int64"),
    Case(TopK(count: 3, dimension: 0), f([2, 4]), words: "has no 3 elements"),
    Case(TopK(count: -1, dimension: 0), f([2]), words: "has no -1 elements"),
    Case(TopK(count: 1, dimension: 1), f([2]), words: "no different dimensions"),
    Case(Scan(reduction: .sum, dimension: 1), f([2]), words: "no different dimensions"),
    Case(GatherAlong(dimension: 0), f([2, 3]), i([4, 2]), words: "but for dimension 0"),
    Case(GatherAlong(dimension: 0), f([2, 3]), f([4, 3]), words: "needs integers"),
    Case(GatherAlong(dimension: 0), f([2]), Type(.bool, [1]), words: "needs integers"),
    Case(GatherAlong(dimension: 0), f([0]), i([1]), words: "no element to point at"),
    Case(ScatterAddAlong(dimension: 0), f([2]), i([3]), f([2]), words: "for each of int32[3]"),
    Case(ScatterAddAlong(dimension: 0), f([2]), i([3]), i([3]), words: "needs a float32"),
  ]

  static let windows: [Case] = [
    Case(convolution(2), f([1, 3, 4]), f([2, 3, 1, 1]), words: "2 spatial ones"),
    Case(convolution(1), i([1, 3, 4]), i([2, 3, 1]), words: "floating-point"),
    Case(convolution(1), f([1, 3, 4]), Type(.float64, [2, 3, 1]), words: "of one type"),
    Case(convolution(1), f([1, 3, 4]), f([2, 2, 1]), words: "does not fit the 3 channels"),
    Case(convolution(1, groups: 2), f([1, 4, 4]), f([3, 2, 1]), words: "in 2 groups"),
    Case(convolution(1, groups: 0), f([1, 4, 4]), f([3, 2, 1]), words: "in 0 groups"),
    Case(convolution(1), f([1, 3, 4]), f([2, 3, 5]), words: "a window of 5 does not fit"),
    Case(convolution(1, strides: [0]), f([1, 3, 4]), f([2, 3, 1]), words: "must be positive"),
    Case(convolution(1, padding: [-1]), f([1, 3, 4]), f([2, 3, 1]), words: "not negative"),
    Case(convolution(4), f([1, 1, 1, 1, 1, 1]), f([1, 1, 1, 1, 1, 1]), words: "one to three"),
    Case(
      convolution(2, dilations: [1, 1, 1]), f([1, 1, 1, 1]), f([1, 1, 1, 1]), words: "one number"),
    Case(
      ConvolutionInputGradient(window: SpatialWindow(rank: 1), groups: 1, sizes: [4]),
      f([1, 2, 2]), f([2, 3, 2]), words: "should be float32[1, 2, 3]"),
    Case(
      ConvolutionWeightGradient(window: SpatialWindow(rank: 1), groups: 2, taps: [1]),
      f([1, 3, 2]), f([1, 2, 2]), words: "do not divide into 2 groups"),
    Case(
      ConvolutionWeightGradient(window: SpatialWindow(rank: 1), groups: 1, taps: [2]),
      f([1, 3, 2]), f([1, 2, 2]), words: "should be float32[1, 2, 1]"),
    Case(
      MaximumPool(taps: [2], window: SpatialWindow(rank: 1, padding: [2])), f([1, 1, 4]),
      words: "nothing but padding"),
    Case(
      MaximumPool(taps: [2], window: SpatialWindow(rank: 1, padding: [1], dilations: [2])),
      f([1, 1, 1]), words: "nothing but padding"),
    Case(
      AveragePool(taps: [2, 2], window: SpatialWindow(rank: 1)), f([1, 1, 4]),
      words: "one number for each"),
    Case(
      AveragePoolGradient(
        pool: AveragePool(taps: [2], window: SpatialWindow(rank: 1)), sizes: [4]),
      f([1, 1, 4]), words: "should be float32[1, 1, 3]"),
  ]

  static let groups: [Case] = [
    Case(SegmentReduce(reduction: .sum, count: 2), f([3, 2]), i([2]), words: "for each row"),
    Case(SegmentReduce(reduction: .sum, count: 2), f([3]), f([3]), words: "an integer for each"),
    Case(SegmentReduce(reduction: .sum, count: 2), f([]), i([]), words: "for each row"),
    Case(SegmentReduce(reduction: .sum, count: -1), f([3]), i([3]), words: "-1 segments"),
    Case(SegmentReduce(reduction: .product, count: 2), f([3]), i([3]), words: "their product"),
    Case(
      Dot(left: [0], right: [0], result: [], element: .float32), i([2]), i([2]),
      words: "sums of int32 are not float32"),
    Case(GroupedDot(), f([4, 3]), i([2]), f([2, 2, 5]), words: "needs rows [m, k]"),
    Case(GroupedDot(), f([4, 3]), i([3]), f([2, 3, 5]), words: "each of 2 groups"),
    Case(GroupedDot(), f([4, 3]), Type(.int64, [2]), f([2, 3, 5]), words: "an int32 size"),
    Case(GroupedDot(), f([4, 3]), f([2, 3, 5]), words: "expected 3 operands"),
    Case(GroupedDotWeightGradient(), f([4, 3]), i([2]), f([3, 3]), words: "[m, n]"),
    Case(GroupedDotWeightGradient(), f([4, 3]), f([2]), f([4, 3]), words: "an int32 size"),
  ]

  static let representations: [Case] = [
    Case(Quantize(element: .int16, block: 2), f([4]), words: "none of int8"),
    Case(Quantize(element: .int8, block: 0), f([4]), words: "blocks of 0"),
    Case(Quantize(element: .int8, block: 2), i([4]), words: "floating-point"),
    Case(Quantize(element: .int8, block: 2), f([]), words: "with a dimension"),
    Case(
      Dequantize(element: .float32, block: 2), Type(.int8, [5]), f([2]),
      words: "needs scales float32[3]"),
    Case(Dequantize(element: .int32, block: 2), Type(.int8, [5]), f([3]), words: "no floating"),
    Case(Dequantize(element: .float32, block: 2), i([5]), f([3]), words: "int8 or float8"),
    Case(PackBits(), i([8]), words: "needs Booleans"),
    Case(UnpackBits(count: 9), Type(.uint8, [1]), words: "9 bits"),
    Case(UnpackBits(count: -1), Type(.uint8, [0]), words: "-1 bits"),
    Case(UnpackBits(count: 8), i([1]), words: "needs uint8"),
    Case(
      Dot(left: [0, 1], right: [1, 2], result: [0, 2]), Type(.float8e4m3, [2, 3]),
      Type(.float8e4m3, [3, 4]), words: "no products of 8-bit floats"),
    Case(
      Dot(left: [0], right: [0], result: []), Type(.float8e5m2, [2]), f([2]),
      words: "converted(to: .bfloat16)"),
    Case(Bitcast(element: .float64), f([2]), words: "4 bytes against 8"),
    Case(Bitcast(element: .bool), Type(.uint8, [2]), words: "none but Booleans"),
    Case(
      Relayout(layout: .opaque(name: "blocked", byteCount: 7)), f([2]), words: "do not hold"),
    Case(Transfer(space: .host), words: "expected 1 operands"),
  ]

  private static func convolution(
    _ rank: Int, strides: [Int] = [1], padding: [Int] = [0], dilations: [Int] = [1],
    groups: Int = 1
  ) -> Convolution {
    let window = SpatialWindow(
      rank: rank, strides: strides, padding: padding, dilations: dilations)
    return Convolution(window: window, groups: groups)
  }

  static func f(_ shape: [Int]) -> Type { Type(.float32, shape) }
  static func i(_ shape: [Int]) -> Type { Type(.int32, shape) }

  @Test(arguments: cases) func operandsThatDoNotFitAreRefused(_ test: Case) {
    let error = #expect(throws: ShapeError.self) {
      try test.operation.resultTypes(of: test.operands)
    }
    #expect(error?.problem.contains(test.words) ?? false, "\(error?.problem ?? "")")
    #expect(error?.operation == test.operation.name)
  }

  /// Only what moves values between memories and formats looks into them.
  @Test(arguments: [
    Type(.float32, dimensions: [.fixed(2)], layout: .opaque(name: "blocked", byteCount: 64)),
    Type(.float32, dimensions: [.fixed(2)], space: .host),
  ]) func whatLiesElsewhereIsBroughtBackFirst(_ type: Type) throws {
    let operations: [any Operation] = [
      Unary(function: .negate), Broadcast(shape: [9, 2], dimensions: [1]), Reshape(shape: [2, 1]),
      Reduce(reduction: .sum, dimensions: [0]), PackBits(), Softmax(),
      AllReduce(.sum, axes: [.data]),
    ]
    for operation in operations {
      let error = #expect(throws: ShapeError.self) { try operation.types(of: [type]) }
      #expect(error?.problem.hasPrefix("\(type) is not made of rows") ?? false, "\(operation)")
    }
    let there = try Transfer(space: .device).types(of: [type])
    #expect(try Relayout(layout: .rowMajor).types(of: there) == [Type(.float32, [2])])
  }
}
