import DeepEPModels
import DeepEPStorage

extension HuggingFaceFolder: PretrainedModel {
  private struct Family: Decodable { var model_type: String }

  /// What `config.json` calls the family.
  var family: String { get throws { try configuration(Family.self).model_type } }

  /// The sizes of the model, of whichever family it is.
  ///
  /// - Throws: ``StorageError`` for a family that is not known, and a model that computes otherwise.
  public func languageModel() throws -> any LanguageModelConfiguration {
    let found = try family
    if HuggingFaceLlama.families.contains(found) { return try LlamaConfiguration(self) }
    if found == HuggingFaceGPT2.family { return try GPT2Configuration(self) }
    let known = [HuggingFaceGPT2.family] + HuggingFaceLlama.families
    throw StorageError(
      "'model_type' is \(found.shown)", at: "\(path)/config.json",
      fix: "use a model of type \(known.joined(separator: ", "))")
  }

  /// Its weights, with numbers of narrower types as float32.
  public func weights(named names: [String]) -> [PretrainedTensor] {
    let used = Set(names.compactMap { tensor(ofParameter: $0)?.name })
    let others = self.names.filter { !used.contains($0) && !Self.isLeftOut($0) }
    return (names + others).compactMap { name in
      tensor(ofParameter: name).map { PretrainedTensor($0, named: name) }
    }
  }

  /// Whether a tensor says nothing that the model does not know: masks and frequencies that older versions of
  /// `transformers` wrote, and the head where it is the token table.
  private static func isLeftOut(_ name: String) -> Bool {
    [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"].contains { name.hasSuffix($0) }
      || name == "lm_head.weight"
  }
}
