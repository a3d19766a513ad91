import DeepEPElements

/// The element type in which a model computes its contractions, and passes on what flows between them.
///
/// Weights, the optimiser's state, reductions, norms, softmax and losses are float32 in all of them.
public enum Precision: String, Hashable, Codable, Sendable, CaseIterable,
  CustomStringConvertible
{
  /// 32-bit floats throughout.
  case float32 = "fp32"
  /// 16-bit floats with the range of float32: no loss scaling is needed.
  case bfloat16 = "bf16"
  /// IEEE's 16-bit floats: more digits and less range, so the loss is scaled.
  case float16 = "fp16"

  /// The name that people type.
  public var description: String { rawValue }

  /// The precision that people mean by a word: `bf16` or `bfloat16`, in any case; nil if there is none.
  public init?(word: String) {
    let word = word.lowercased()
    let named = Self.allCases.first { [$0.rawValue, $0.element.rawValue].contains(word) }
    guard let named else { return nil }
    self = named
  }

  /// The element type of contractions.
  package var element: ElementType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }
}
