import DeepEPModels
import DeepEPStorage

/// A run begins with the weights of another one, without that one's optimizer, averages and position.
extension Checkpoint: PretrainedModel {
  /// The file.
  public var path: String { file.path }

  /// Tells checkpoints apart: a digest of the beginning of each tensor.
  public var fingerprint: UInt64 { file.tensors.fingerprint }

  /// What makes its tokens, as JSON; nil if it has none.
  public func tokenizer() -> String? { state.tokenizer.isEmpty ? nil : state.tokenizer }

  /// The sizes of its model.
  ///
  /// - Throws: ``StorageError`` if it does not say which model it is of, or has not its weights; ``TrainingError`` if
  ///   no model can have these sizes.
  public func languageModel() throws -> any LanguageModelConfiguration {
    let model = try ModelDescription(self)
    try model.checkSize(in: self)
    return model.sizes
  }

  /// Its weights and statistics; what was adapted is merged into the weights.
  ///
  /// - Throws: ``StorageError`` if it is adapted, and does not say how or has not the matrices.
  public func weights(named _: [String]) throws -> [PretrainedTensor] {
    try MergedWeights(self).tensors
  }
}
