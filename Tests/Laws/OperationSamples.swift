import DeepEPElements
import DeepEPTensors

/// A small program for a row of the operation table and an element type: the row's operation, in the
/// sizes at which loops over vectors differ.
package struct OperationSample: Sendable {
  /// The program and a call of it.
  package let testCase: ProgramCase

  /// The sizes: less than a vector, odd, one more than a vector, one more than many.
  package static let sizes = [1, 7, 65, 257]

  /// The rows without a sample: nobody writes them but a transform, with which they are tested.
  package static let exceptions = [
    "region": "fuse", "contraction": "fuse", "meshIndex": "partition", "allReduce": "partition",
    "reduceScatter": "partition", "allGather": "partition", "allToAll": "partition",
    "compressedGradient": "partition", "compressedAllReduce": "partition",
    "compressedReduceScatter": "partition",
  ]

  /// Composites are made of many roundings, which in 8 bits leave nothing to compare.
  private static let compositeElements: [ElementType] = [.float64, .float32, .float16, .bfloat16]

  /// Makes the sample; nil if the row does not accept the element type.
  package init?(_ name: String, _ element: ElementType) {
    var writer = SampleWriter(element: element)
    for size in Self.sizes {
      guard let results = writer.results(name, size) else { return nil }
      writer.entry.results += results.compactMap(\.value).map { value in
        EntryResult(name: "result\(writer.nextResult())", value: value)
      }
      if writer.trace.error != nil || results.isEmpty { return nil }
    }
    let program = writer.finished()
    let hasComposite = program.entries[0].graph.nodes.contains { $0.operation is any Composite }
    guard (try? program.verify()) != nil,
      !hasComposite || Self.compositeElements.contains(element)
    else { return nil }
    testCase = ProgramCase(program, calls: [.step], seed: 17)
  }
}

/// Writes the program of a sample.
struct SampleWriter {
  let element: ElementType
  let trace = Trace(isRoot: true)
  var entry = Entry(name: .step)
  private var slots: [Slot] = []
  private var resultCount = 0

  init(element: ElementType) { self.element = element }

  mutating func nextResult() -> Int {
    defer { resultCount += 1 }
    return resultCount
  }

  func finished() -> Program {
    var entry = entry
    entry.graph = trace.graph
    return Program(slots: slots, entries: [entry])
  }

  mutating func input(_ shape: [Int], _ element: ElementType? = nil) -> Tensor {
    let type = Type(element ?? self.element, shape)
    let index = entry.inputs.count
    entry.inputs.append(EntryInput(name: "input\(index)", type: type))
    return trace.apply(Input(index: index, type: type), [])[0]
  }

  mutating func slot(_ shape: [Int]) -> Tensor {
    let type = Type(element, shape)
    slots.append(
      Slot(name: "slot\(slots.count)", type: type, initializer: .zeros, kind: .statistic))
    return trace.apply(Read(slot: slots.count - 1, type: type), [])[0]
  }

  /// The results of a row's operation at a size; nil if there is no sample of the row.
  mutating func results(_ name: String, _ size: Int) -> [Tensor]? {
    if let function = UnaryFunction(rawValue: name) { return unary(function, size) }
    if let function = BinaryFunction(rawValue: name) { return binary(function, size) }
    if let comparison = Comparison(rawValue: name) {
      return [input([size]).compare(comparison, input([size]))]
    }
    return source(name, size) ?? movement(name, size) ?? numeric(name, size)
      ?? composite(name, size) ?? indexing(name, size) ?? ordering(name, size)
      ?? windows(name, size) ?? groups(name, size) ?? representations(name, size)
      ?? memory(name, size)
  }

  private mutating func unary(_ function: UnaryFunction, _ size: Int) -> [Tensor]? {
    let needsPositive = [.logarithm, .squareRoot, .reciprocalSquareRoot].contains(function)
    if !element.isFloatingPoint, ![.negate, .absolute, .sign, .not].contains(function) {
      return nil
    }
    if element.isFloatingPoint, function == .not { return nil }
    let x = input([size])
    return [(needsPositive ? x.unary(.absolute) : x).unary(function)]
  }

  private mutating func binary(_ function: BinaryFunction, _ size: Int) -> [Tensor]? {
    let logical: [BinaryFunction] = [.and, .or, .exclusiveOr, .shiftLeft, .shiftRight]
    if element.isFloatingPoint ? logical.contains(function) : function == .power { return nil }
    let x = input([size])
    let left = function == .power ? x.unary(.absolute) : x
    return [left.binary(function, input([size]))]
  }

  private mutating func source(_ name: String, _ size: Int) -> [Tensor]? {
    switch name {
    case "input": return [input([size])]
    case "read": return [slot([size])]
    case "constant":
      var random = RandomSource(seed: 5)
      let type = Type(element, [size])
      let numbers = random.array(type).doubles.map { abs($0) < 0x1p53 ? $0 : 3 }
      return [trace.apply(Constant(type: type, numbers: numbers), [])[0]]
    case "iota":
      let iota = Iota(type: Type(element, [size]), dimension: 0)
      return element == .bool ? nil : [trace.apply(iota, [])[0]]
    case "random":
      return element != .uint64
        ? nil : [input([]).apply(Random(), trace.elementNumbers([size]))]
    default: return nil
    }
  }

  private mutating func movement(_ name: String, _ size: Int) -> [Tensor]? {
    switch name {
    case "reshape": return [input([size, 6]).transposed([1, 0]).reshaped([3, 2 * size])]
    case "transpose": return [input([size, 3]).transposed([1, 0])]
    case "broadcast": return [input([size]).broadcast(to: [3, size, 2], dimensions: [1])]
    case "slice": return [input([size + 2, 3]).sliced([1, 0], sizes: [size, 2])]
    case "pad": return [input([size, 2]).padded([1, 0], in: [size + 2, 3])]
    case "concatenate": return [Tensor.concatenated([input([size]), input([3])], along: 0)]
    case "gather": return [input([size, 3]).gather(input([5], .int32))]
    case "scatterAdd":
      return element == .bool
        ? nil : [input([size, 3]).scatterAdd(input([5], .int64), input([5, 3]))]
    default: return nil
    }
  }

  private mutating func numeric(_ name: String, _ size: Int) -> [Tensor]? {
    switch name {
    case "select":
      return [input([size], .bool).select(input([size]), input([size]))]
    case "convert":
      let x = input([size])
      // Eights, so that something is left of them as integers.
      let large = element.isFloatingPoint ? x * 8 : x
      return ElementType.allCases.filter { $0 != element && !$0.rawValue.hasPrefix("float8") }.map {
        large.converted(to: $0)
      }
    case "reduce":
      return Reduction.allCases.flatMap { reduction in
        [
          input([3, size]).reduced(reduction, [1]), input([size, 3]).reduced(reduction, [0]),
          input([size]).reduced(reduction, [0]),
        ]
      }
    case "dot":
      return element == .bool
        ? nil
        : [
          input([size, 3]).einsum("ab,bc->ac", input([3, 5])),
          input([2, size]).einsum("ab,cb->ac", input([3, size])),
        ]
    default: return nil
    }
  }

  private mutating func composite(_ name: String, _ size: Int) -> [Tensor]? {
    guard element.isFloatingPoint else { return nil }
    switch name {
    case "softmax": return [input([2, size]).softmax()]
    case "gelu": return [input([size]).gelu()]
    case "layerNorm":
      return input([3, size]).applyAll(
        LayerNormalization(epsilon: 0.1), [input([size]), input([size])])
    case "rmsNorm":
      return input([3, size]).applyAll(
        RootMeanSquareNormalization(epsilon: 0.1), [input([size])])
    case "silu": return [input([size]).silu()]
    case "tap": return [input([size]).tap("x")]
    case "rotary":
      return [input([2, size, 2, 6]).rotary(), input([1, 3, 2, 2 * size]).rotary(base: 100)]
    case "batchNorm":
      return input([3, size]).applyAll(
        BatchNormalization(dimension: 0, epsilon: 0.1), [input([3]), input([3])])
    case "dropout":
      return [input([size]).apply(DropoutMask(rate: 0.5), input([], .uint64), input([], .int64))]
    case "crossEntropy": return input([3, size]).applyAll(CrossEntropy(), [input([3], .int32)])
    case "attention", "attentionGradient":
      // The size is the width of a head, or if that is cheap the length of the sequence.
      let shape = size == 7 ? [2, 7, 1, 3] : [1, 3, 2, size]
      let attention = Attention(scale: 0.5, isCausal: size > 7)
      let operands = [input(shape), input(shape)]
      if name == "attention" {
        let windowed = Attention(scale: 0.5, mask: .window(length: 2), hasSegments: true)
        let segments = input(Array(shape.prefix(2)), .int32)
        return input(shape).applyAll(attention, operands)
          + input(shape).applyAll(windowed, operands + [segments])
      }
      let sums = input([shape[0], shape[2], shape[1]], element.sum)
      return input(shape).applyAll(
        AttentionGradient(attention: attention), operands + [input(shape), sums, input(shape)])
    default: return nil
    }
  }
}
