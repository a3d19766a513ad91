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
    let stored = parameters.compactMap { slot in
      folder.tensor(ofParameter: slot.name).map { (slot, $0) }
    }
    let known = Set(stored.map(\.1.name))
    let others = folder.names.filter { !known.contains($0) && !Self.isLeftOut($0) }
    let differences = TensorDifferences(
      expected: parameters.map { TensorDescription($0.name, $0.type.element, $0.type.shape) },
      // Under the model's names; narrower types are converted.
      found: stored.map { slot, tensor in
        TensorDescription(slot.name, tensor.element, tensor.shape)
      } + others.compactMap { folder.tensor(ofParameter: $0)?.tensor },
      isAlike: { $0.shape == $1.shape })
    guard differences.isEmpty else {
      throw StorageError(
        "weights of another model: \(differences.text)", at: folder.path,
        fix: "make the model from the configuration of this folder")
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
