import DeepEPStorage
import DeepEPTensors

/// The weights of a folder of Hugging Face, as far as a model's parameters are concerned.
struct PretrainedWeights {
  private let folder: HuggingFaceFolder

  /// Checks that the folder has exactly the parameters of a model, in their shapes.
  ///
  /// - Throws: ``StorageError``, which names what is missing, of another shape, or not known to the model.
  init(_ folder: HuggingFaceFolder, for parameters: [Slot]) throws {
    self.folder = folder
    let missing = parameters.filter { folder.tensor(ofParameter: $0.name) == nil }.map {
      "\($0.name) is missing"
    }
    let wrong = parameters.compactMap { slot -> String? in
      guard let tensor = folder.tensor(ofParameter: slot.name), tensor.shape != slot.type.shape
      else {
        return nil
      }
      return "\(slot.name) is \(tensor.shape) in the file, \(slot.type.shape) in the model"
    }
    let known = Set(parameters.compactMap { folder.tensor(ofParameter: $0.name)?.name })
    let more = folder.names.filter { !known.contains($0) && !Self.isLeftOut($0) }.map {
      "\($0) is not known to the model"
    }
    // One missing layer has many names.
    let differences = wrong + missing + more
    guard differences.isEmpty else {
      let rest = differences.count > 6 ? "; and \(differences.count - 6) more" : ""
      throw StorageError(
        "weights of another model: \(differences.prefix(6).joined(separator: "; "))\(rest)",
        at: folder.path, fix: "make the model from the configuration of this folder")
    }
  }

  /// The tensor of a parameter.
  subscript(_ slot: Slot) -> StoredTensor? { folder.tensor(ofParameter: slot.name) }

  /// Whether a tensor says nothing that the model does not know: masks and frequencies that older versions of
  /// `transformers` wrote, and the head where it is the token table.
  private static func isLeftOut(_ name: String) -> Bool {
    [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"].contains { name.hasSuffix($0) }
      || name == "lm_head.weight"
  }
}
