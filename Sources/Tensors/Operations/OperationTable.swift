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
    table.add("select", Select.self)
    table.add("convert", Convert.self)
    table.add("input", Input.self)
    table.add("read", Read.self)
    table.add("constant", Constant.self)
    table.add("iota", Iota.self)
    table.add("random", Random.self)
    table.add("reduce", Reduce.self)
    table.add("reshape", Reshape.self)
    table.add("transpose", Transpose.self)
    table.add("broadcast", Broadcast.self)
    table.add("slice", Slice.self)
    table.add("pad", Pad.self)
    table.add("concatenate", Concatenate.self)
    table.add("gather", Gather.self)
    table.add("scatterAdd", ScatterAdd.self)
    table.add("dot", Dot.self)
    table.add("region", Region.self)
    table.add("contraction", Contraction.self)
    table.add("softmax", Softmax.self)
    table.add("layerNorm", LayerNormalization.self)
    table.add("batchNorm", BatchNormalization.self)
    table.add("dropout", DropoutMask.self)
    table.add("gelu", Gelu.self)
    table.add("attention", Attention.self)
    table.add("attentionGradient", AttentionGradient.self)
    table.add("crossEntropy", CrossEntropy.self)
    return table
  }()
}
