import DeepEPModels
import DeepEPStorage

extension HuggingFaceFolder {
  /// Writes the model of a checkpoint as a folder that `transformers` opens, with its tokenizer if that is one of
  /// byte pairs.
  ///
  /// What was adapted is merged into the weights.
  ///
  /// - Parameters:
  ///   - checkpoint: A checkpoint that says which ``GPT2`` or ``Llama`` it is of.
  ///   - path: The folder.
  ///   - byAverages: Whether the moving averages of the weights are written in their place.
  /// - Returns: Whether it has a tokenizer of byte pairs, which was written too.
  /// - Throws: ``StorageError`` if the checkpoint does not say which model it is of, `transformers` has no such
  ///   model, there are no averages, or the folder cannot be written.
  @discardableResult public static func write(
    _ checkpoint: Checkpoint, to path: String, byAverages: Bool = false
  ) throws -> Bool {
    let model = try ModelDescription(checkpoint)
    let tokenizer = try? BytePairTokenizer(json: checkpoint.state.tokenizer)
    let tensors = try MergedWeights(checkpoint, byAverages: byAverages).tensors.map(\.toWrite)
    let text = try tokenizer?.json
    switch model.sizes {
    case let sizes as LlamaConfiguration:
      let form = HuggingFaceLlama(sizes, endOfText: tokenizer?.endOfText)
      try write(configuration: form, tensors, tokenizer: text, to: path)
    case let sizes as GPT2Configuration where sizes.window == nil:
      let form = HuggingFaceGPT2(sizes, endOfText: tokenizer?.endOfText)
      try write(configuration: form, tensors, tokenizer: text, to: path)
    default:
      throw StorageError(
        "transformers has no \(type(of: model.sizes).family) with a window",
        at: checkpoint.file.path, fix: "export a model without --window, or a Llama")
    }
    return text != nil
  }
}
