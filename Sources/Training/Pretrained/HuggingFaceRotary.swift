import DeepEPTensors

/// How a `config.json` says that positions are turned: `rope_parameters` since version 5 of `transformers`,
/// `rope_scaling` beside `rope_theta` before.
struct HuggingFaceRotary: Codable {
  var rope_type: String?
  /// The older name of the field before.
  var type: String?
  var rope_theta: Double?
  var factor: Double?
  var low_freq_factor: Double?
  var high_freq_factor: Double?
  var original_max_position_embeddings: Int?

  private static let (plain, scaled) = ("default", "llama3")

  init(base: Double?, _ scaling: RotaryScaling?) {
    rope_theta = base
    rope_type = scaling == nil ? Self.plain : Self.scaled
    factor = scaling?.factor
    (low_freq_factor, high_freq_factor) = (scaling?.fewTurns, scaling?.manyTurns)
    original_max_position_embeddings = scaling?.firstContext
  }

  /// The scaling; nil if there is none.
  ///
  /// - Throws: ``StorageError`` if it is of another type, or says not all of what belongs to it.
  func scaling(_ field: String, _ check: HuggingFaceCheck) throws -> RotaryScaling? {
    let name = rope_type ?? type
    try check.field("\(field).rope_type", name, isOneOf: [Self.plain, Self.scaled])
    guard name == Self.scaled else { return nil }
    return RotaryScaling(
      factor: try check.present("\(field).factor", factor),
      fewTurns: try check.present("\(field).low_freq_factor", low_freq_factor),
      manyTurns: try check.present("\(field).high_freq_factor", high_freq_factor),
      firstContext: try check.present(
        "\(field).original_max_position_embeddings", original_max_position_embeddings))
  }
}
