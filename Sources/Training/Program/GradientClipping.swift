import DeepEPTensors

/// Clipping of all gradients together by their norm (Pascanu, Mikolov, Bengio: On the difficulty of
/// training recurrent neural networks, 2013).
struct GradientClipping {
  /// The largest norm.
  let norm: Double

  /// The name of the norm before clipping among an entry's results.
  static let resultName = "gradient_norm"

  /// Gradients times what makes their norm at most the limit.
  func clipped(
    _ gradients: [ParameterGradient], _ writer: inout EntryWriter
  ) -> [ParameterGradient] {
    let squares = gradients.map { ($0.tensor * $0.tensor).sum() }
    guard let first = squares.first else { return gradients }
    let found = squares.dropFirst().reduce(first) { $0 + $1 }.squareRoot()
    writer.addResult(Self.resultName, found)
    let scale = (norm / (found + 1e-6)).minimum(found.filled(with: 1))
    return gradients.map { ParameterGradient(slot: $0.slot, tensor: $0.tensor * scale) }
  }
}
