import DeepEPElements
import DeepEPTensors

/// A program with a node of every row of the operation table, and everything that types can say.
enum EveryOperation {
  static let program: Program = {
    let trace = Trace(isRoot: true)
    var program = Program(slots: slots)
    let inputs = [
      EntryInput(name: "x", type: Type(.float32, [2, 3])),
      EntryInput(name: "rows", type: Type(.int32, [2])),
      EntryInput(name: "count", type: Type(.int32, [])),
      EntryInput(name: "bounded", type: bounded),
      EntryInput(name: "packed", type: packed),
    ]
    let arguments = inputs.enumerated().map { trace.apply(Input(index: $0, type: $1.type), [])[0] }
    // The extent of the bounded dimension is node 2: the input called 'count'.
    let weight = trace.read(slot: 0, of: program)
    _ = arguments[3].unbounded(filling: 0.5).bounded(along: 1, extent: arguments[2])
    _ = weight.broadcast(to: [arguments[3].type.dimensions[0], .fixed(2), .fixed(3)])
    write(arguments[0], weight, arguments[1])
    index(arguments[0], weight, arguments[2])
    window(arguments[0])
    group(arguments[0], arguments[1])
    represent(arguments[0])
    generate(trace, trace.read(slot: 1, of: program))
    trace.origin = Origin(
      path: "h.0", phase: .weightGradient, source: SourceLocation(file: "A/B.swift", line: 7))
    let attended = attention(trace)
    var entry = Entry(name: .step, inputs: inputs, graph: trace.graph)
    if let sum = (weight + weight).value { entry.updates = [SlotUpdate(slot: 0, value: sum)] }
    entry.results = attended.compactMap(\.value).enumerated().map {
      EntryResult(name: "result\($0)", value: $1)
    }
    entry.graph = trace.graph
    program.entries = [controlled(entry)]
    return program
  }()

  private static let bounded = Type(
    .float32, dimensions: [.bounded(maximum: 64, extent: Value(node: 2)), .fixed(5)])
  private static let packed = Type(
    .bfloat16, dimensions: [.fixed(3)], layout: .opaque(name: "blocked", byteCount: 4096),
    space: .host)

  private static let slots = [
    Slot(
      name: "h.0.weight", type: Type(.float32, [2, 3]),
      initializer: .transposed(.normal(deviation: 0.02, stream: .number(.max))),
      axes: [.axis(.embed), .factored([AxisFactor(.heads, 3), AxisFactor(nil, 1)])],
      kind: .parameter, isTrainable: true),
    Slot(name: "seed", type: Type(.uint64, []), initializer: .zeros, kind: .counter),
  ]

  private static func write(_ x: Tensor, _ weight: Tensor, _ rows: Tensor) {
    for function in UnaryFunction.allCases where function != .not { _ = x.unary(function) }
    for function in BinaryFunction.allCases {
      let isInteger = [.and, .or, .exclusiveOr, .shiftLeft, .shiftRight].contains(function)
      _ = isInteger ? rows.binary(function, rows) : x.binary(function, weight)
    }
    for comparison in Comparison.allCases {
      _ = x.compare(comparison, weight).unary(.not).select(x, weight)
    }
    for reduction in Reduction.allCases { _ = x.reduced(reduction, [1]) }
    _ = x.converted(to: .float16)
    communicate(x)
    _ = x.reshaped([3, 2]).transposed([1, 0]).broadcast(to: [4, 2, 3]).sliced(
      [1, 0, 1], sizes: [2, 1, 2])
    _ = x.padded([1, 0], in: [4, 5])
    _ = Tensor.concatenated([x, weight], along: 0)
    _ = x.scatterAdd(rows, weight.gather(rows))
    _ = x.einsum("ab,cb->ca", weight)
    _ = x.apply(Dot(left: [0, 1], right: [2, 1], result: [0, 2], element: .float64), weight)
    _ = x.softmax().gelu().layerNorm(weight: x.sum([0]), bias: x.largest([0]))
    _ = x.crossEntropy(labels: rows).mean()
    _ = x.rmsNorm(weight: x.sum([0])).silu().reshaped([1, 1, 3, 2]).rotary()
    _ = x.batchNorm(weight: x.sum([0]), bias: x.largest([0]), dimension: 1, epsilon: 1e-5)
  }

  private static func index(_ x: Tensor, _ weight: Tensor, _ count: Tensor) {
    let box = x.dynamicSliced(at: [count], sizes: [2], along: [1])
    _ = weight.replacing(box, at: [count], along: [1])
    let places = x.indexOfLargest(along: 1, as: .int64).reshaped([2, 1])
    _ = x.scatterAdd(x.gather(at: places, along: 1), at: places, along: 1)
    let sorted = x.sorted(along: 0, isDescending: true, indicesAs: .int64)
    _ = sorted.values.top(2, along: 1, .smallest)
    _ = x.cumulativeProduct(along: -1, isExclusive: true, isReversed: true)
  }

  private static func group(_ x: Tensor, _ rows: Tensor) {
    _ = x.segmentLargest(rows, count: 4)
    let product = x.groupedDot(x.reshaped([2, 3, 1]), sizes: rows)
    _ = x.apply(GroupedDotWeightGradient(), rows, product)
  }

  private static func represent(_ x: Tensor) {
    let (elements, scales) = x.quantized(to: .float8e5m2, block: 2)
    _ = elements.dequantized(scales: scales, block: 2, as: .bfloat16)
    _ = x.compare(.less, x).packedBits().unpackedBits(3)
    _ = x.bitcast(to: .uint32)
    let format = Layout.opaque(name: "blocked", byteCount: 64)
    _ = x.relaid(as: format).relaid(as: .rowMajor).transferred(to: .host)
  }

  private static func window(_ x: Tensor) {
    let image = x.broadcast(to: [1, 4, 2, 3], dimensions: [2, 3])
    let weight = x.broadcast(to: [2, 2, 2, 3], dimensions: [2, 3])
    let window = SpatialWindow(rank: 2, strides: [1, 2], padding: [1, 0], paddingHigh: [0, 1])
    let convolved = image.apply(Convolution(window: window, groups: 2), weight)
    _ = convolved.apply(
      ConvolutionInputGradient(window: window, groups: 2, sizes: [2, 3]), weight)
    _ = image.apply(
      ConvolutionWeightGradient(window: window, groups: 2, taps: [2, 3]), convolved)
    _ = image.maximumPooled([2, 1], dilations: [1, 2])
    let pool = AveragePool(taps: [2, 2], window: window, countsPadding: false)
    _ = image.apply(pool).apply(AveragePoolGradient(pool: pool, sizes: [2, 3]))
  }

  private static func communicate(_ x: Tensor) {
    _ = x.trace.apply(MeshIndex(axis: .tensor), [])
    _ = x.apply(Named([.axis(.batch), .unnamed], role: .gradient))
    _ = x.apply(Tap("x", isGradient: true))
    _ = x.apply(AllReduce(.maximum, axes: [.data, .tensor]))
    _ = x.apply(ReduceScatter(.sum, axes: [.data], dimension: 1, count: 3))
    _ = x.apply(AllGather(axes: [.tensor], dimension: 0, count: 2))
    _ = x.apply(AllToAll(axes: [.data], count: 2))
    _ = x.applyAll(CompressedAllReduce(.int8, axes: [.data]), [x])
    _ = x.applyAll(CompressedReduceScatter(.int8, axes: [.data], dimension: 0, count: 1), [x])
    _ = x.applyAll(CompressedGradient([.axis(.embed), .unnamed], .bfloat16), [x])
  }

  private static func generate(_ trace: Trace, _ key: Tensor) {
    let numbered = trace.elementNumbers([4])
    _ = key.apply(Random(), numbered)
    _ = numbered.converted(to: .float32).apply(DropoutMask(rate: 0.25), key, numbered.sum())
    _ = trace.apply(Iota(type: Type(.int64, [2, 3]), dimension: 1), [])
    let numbers = [0, -0.0, 1.5, -.infinity, .infinity, 1e-300]
    _ = trace.apply(Constant(type: Type(.float64, [2, 3]), numbers: numbers), [])
    let index = Index(terms: [IndexTerm(0, stride: 1)])
    let body: [Statement] = [
      .define(0, .float32, .constant(-.infinity)), .store(Access(.result(0), index), 0),
    ]
    _ = trace.apply(Region(resultTypes: [Type(.float32, [6])], parallel: [6], body: body), [])
  }

  private static func attention(_ trace: Trace) -> [Tensor] {
    let numbers = Constant(type: Type(.float32, [1, 2, 1, 3]), numbers: [0.5])
    let query = trace.apply(numbers, [])[0]
    let attention = Attention(scale: 0.5, isCausal: true)
    let results = query.applyAll(attention, [query, query])
    let windowed = Attention(scale: 0.5, mask: .window(length: 1), hasSegments: true)
    let segments = trace.apply(Constant(type: Type(.int32, [1, 2]), numbers: [0, 1]), [])
    _ = query.applyAll(windowed, [query, query] + segments)
    let dot = Dot(left: [0, 1], right: [1, 2], result: [0, 2])
    let view = View(offset: 1, shape: [1, 1], strides: [3, 1])
    let steps: [EpilogueStep] = [.add(along: [1]), .multiply(along: [0, 1]), .convert(.bfloat16)]
    let square = query.reshaped([2, 3]).sliced([0, 0], sizes: [1, 1])
    _ = query.applyAll(
      Contraction(dot: dot, left: view, right: view, epilogue: steps),
      [query, square.reshaped([1]), square])
    return query.applyAll(
      AttentionGradient(attention: attention), [query, query] + results + [query])
  }

  /// The entry with control operands on its last node.
  private static func controlled(_ entry: Entry) -> Entry {
    var (entry, graph) = (entry, Graph())
    for (index, node) in entry.graph.nodes.enumerated() {
      var node = node
      if index == entry.graph.nodes.count - 1 { node.controls = [0, 3] }
      graph.append(node)
    }
    entry.graph = graph
    return entry
  }
}
