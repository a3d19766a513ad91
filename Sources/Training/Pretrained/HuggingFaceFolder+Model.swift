import DeepEPModels
import DeepEPStorage

extension HuggingFaceFolder {
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
}
