import DeepEPElements
import FoundationEssentials

/// The operations that the text form knows, by name.
public struct OperationTable: Sendable {
  /// How a row's text becomes an operation.
  package typealias Decode =
    @Sendable (_ attributes: Data, _ decoder: JSONDecoder) throws ->
    any Operation

  package private(set) var rows: [String: Decode] = [:]

  /// The names of all operations.
  public var names: Set<String> { Set(rows.keys) }

  /// Adds an operation whose name is the same for all attributes.
  public mutating func add<Row: Operation>(_ name: String, _ row: Row.Type) {
    rows[name] = { attributes, decoder in try decoder.decode(Row.self, from: attributes) }
  }

  /// All operations and composites that come with the library.
  public static let standard: OperationTable = {
    var table = OperationTable()
    for function in UnaryFunction.allCases {
      table.rows[function.rawValue] = { _, _ in Unary(function: function) }
    }
    for function in BinaryFunction.allCases {
      table.rows[function.rawValue] = { _, _ in Binary(function: function) }
    }
    for comparison in Comparison.allCases {
      table.rows[comparison.rawValue] = { _, _ in Compare(comparison: comparison) }
    }
    let rows = [
      basics, indexing, ordering, windows, groups, representations, mesh, composites,
    ]
    for (name, row) in rows.joined() { table.add(name, row) }
    return table
  }()
}

extension OperationTable {
  private typealias Row = (name: String, type: any Operation.Type)

  private static let basics: [Row] = [
    ("select", Select.self), ("convert", Convert.self), ("input", Input.self),
    ("read", Read.self), ("constant", Constant.self), ("iota", Iota.self),
    ("random", Random.self), ("reduce", Reduce.self), ("reshape", Reshape.self),
    ("transpose", Transpose.self), ("broadcast", Broadcast.self), ("slice", Slice.self),
    ("pad", Pad.self), ("concatenate", Concatenate.self), ("gather", Gather.self),
    ("scatterAdd", ScatterAdd.self), ("dot", Dot.self), ("region", Region.self),
    ("contraction", Contraction.self),
  ]

  private static let indexing: [Row] = [
    ("bounded", Bounded.self), ("unbounded", Unbounded.self),
    ("dynamicSlice", DynamicSlice.self), ("dynamicUpdateSlice", DynamicUpdateSlice.self),
    ("gatherAlong", GatherAlong.self), ("scatterAddAlong", ScatterAddAlong.self),
  ]

  private static let ordering: [Row] = [
    ("argReduce", ArgReduce.self), ("sort", Sort.self), ("topK", TopK.self), ("scan", Scan.self),
  ]

  private static let windows: [Row] = [
    ("convolution", Convolution.self),
    ("convolutionInputGradient", ConvolutionInputGradient.self),
    ("convolutionWeightGradient", ConvolutionWeightGradient.self),
    ("maximumPool", MaximumPool.self), ("averagePool", AveragePool.self),
    ("averagePoolGradient", AveragePoolGradient.self),
  ]

  private static let groups: [Row] = [
    ("segmentReduce", SegmentReduce.self), ("groupedDot", GroupedDot.self),
    ("groupedDotWeightGradient", GroupedDotWeightGradient.self),
  ]

  private static let representations: [Row] = [
    ("quantize", Quantize.self), ("dequantize", Dequantize.self), ("packBits", PackBits.self),
    ("unpackBits", UnpackBits.self), ("bitcast", Bitcast.self), ("relayout", Relayout.self),
    ("transfer", Transfer.self),
  ]

  private static let mesh: [Row] = [
    ("named", Named.self), ("meshIndex", MeshIndex.self), ("allReduce", AllReduce.self),
    ("reduceScatter", ReduceScatter.self), ("allGather", AllGather.self),
    ("allToAll", AllToAll.self), ("compressedGradient", CompressedGradient.self),
    ("compressedAllReduce", CompressedAllReduce.self),
    ("compressedReduceScatter", CompressedReduceScatter.self),
  ]

  private static let composites: [Row] = [
    ("softmax", Softmax.self), ("layerNorm", LayerNormalization.self), ("gelu", Gelu.self),
    ("batchNorm", BatchNormalization.self), ("dropout", DropoutMask.self),
    ("attention", Attention.self), ("attentionGradient", AttentionGradient.self),
    ("attention", Attention.self), ("attentionGradient", AttentionGradient.self),
    ("crossEntropy", CrossEntropy.self), ("rmsNorm", RootMeanSquareNormalization.self),
    ("silu", Silu.self), ("rotary", Rotary.self), ("tap", Tap.self),
  ]
}
