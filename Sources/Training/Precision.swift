/// The element type in which a model computes.
public enum Precision: String, Hashable, Codable, Sendable, CaseIterable,
  CustomStringConvertible
{
  /// 32-bit floats throughout.
  case float32 = "fp32"

  /// The name that people type.
  public var description: String { rawValue }
}
