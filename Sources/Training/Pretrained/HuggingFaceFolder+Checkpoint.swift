import DeepEPModels
import DeepEPStorage
import FoundationEssentials

extension HuggingFaceFolder {
  /// Writes the model of a checkpoint as a folder that `transformers` opens, with its tokenizer if that is one of
  /// byte pairs.
  ///
  /// - Parameters:
  ///   - checkpoint: A checkpoint whose configuration is that of a ``GPT2`` or a ``Llama`` in JSON.
  ///   - path: The folder.
  /// - Throws: ``StorageError`` if the checkpoint does not say which model it is of, or the folder cannot be written.
  public static func write(_ checkpoint: Checkpoint, to path: String) throws {
    let json = Data(checkpoint.state.modelConfiguration.utf8)
    let tokenizer = try? BytePairTokenizer(json: checkpoint.state.tokenizer).json
    let tensors = checkpoint.parameters.map { tensor in
      TensorToWrite(tensor.name, tensor.element, tensor.shape) { consume in
        try tensor.withBytes { try consume($0) }
      }
    }
    // A Llama says more than a GPT-2, so one is never taken for the other.
    if let sizes = try? JSONDecoder().decode(LlamaConfiguration.self, from: json) {
      try write(configuration: HuggingFaceLlama(sizes), tensors, tokenizer: tokenizer, to: path)
    } else if let sizes = try? JSONDecoder().decode(GPT2Configuration.self, from: json) {
      try write(configuration: HuggingFaceGPT2(sizes), tensors, tokenizer: tokenizer, to: path)
    } else {
      throw StorageError(
        "the checkpoint does not say which model it is of", at: checkpoint.file.path,
        fix: "use one of a GPT-2 or a Llama, with its configuration")
    }
  }
}
