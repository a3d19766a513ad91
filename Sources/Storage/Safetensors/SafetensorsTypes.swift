import DeepEPElements

extension ElementType {
  /// The names of element types in safetensors files, in the order of the reference implementation.
  ///
  /// Its writer puts the tensors of the types at the end of this list first
  /// (`Dtype` of the Rust crate safetensors 0.8.0, sorted in descending order).
  private static let safetensorsOrder: [(type: ElementType, name: String)] = [
    (.bool, "BOOL"), (.uint8, "U8"), (.int8, "I8"), (.float8e5m2, "F8_E5M2"),
    (.float8e4m3, "F8_E4M3"), (.int16, "I16"), (.uint16, "U16"), (.float16, "F16"),
    (.bfloat16, "BF16"), (.int32, "I32"), (.uint32, "U32"), (.float32, "F32"),
    (.float64, "F64"), (.int64, "I64"), (.uint64, "U64"),
  ]

  init?(safetensorsName name: String) {
    guard let row = ElementType.safetensorsOrder.first(where: { $0.name == name }) else {
      return nil
    }
    self = row.type
  }

  static var safetensorsNames: [String] { safetensorsOrder.map(\.name) }

  /// The place in the order of the reference implementation.
  var safetensorsRank: Int {
    ElementType.safetensorsOrder.firstIndex { $0.type == self } ?? 0
  }

  var safetensorsName: String { ElementType.safetensorsOrder[safetensorsRank].name }
}
