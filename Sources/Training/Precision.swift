/// The element type in which a model computes.
public enum Precision: String, Hashable, Codable, Sendable, CaseIterable {
  /// 32-bit floats throughout.
  case float32 = "fp32"
}
