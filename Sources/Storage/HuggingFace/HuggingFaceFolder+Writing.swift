import FoundationEssentials

extension HuggingFaceFolder {
  /// Writes a folder that `transformers` opens; files of these names that are there are replaced, each whole.
  ///
  /// - Parameters:
  ///   - configuration: What `config.json` is to say.
  ///   - tensors: The weights, under the names that `transformers` knows.
  ///   - tokenizer: The text of `tokenizer.json`; nil writes none.
  ///   - path: The folder, which is made if it is not there.
  /// - Throws: ``StorageError`` if it cannot be written.
  public static func write(
    configuration: some Encodable, _ tensors: [TensorToWrite], tokenizer: String? = nil,
    to path: String
  ) throws {
    try Folder.make(path, choice: "for the model")
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let json = String(decoding: try encoder.encode(configuration), as: UTF8.self)
    // The weights first: a folder without its configuration is not taken for a model.
    try SafetensorsWriter.write(
      tensors, metadata: ["format": "pt"], to: "\(path)/\(weightsName)")
    if let tokenizer { try AtomicFile.write("\(path)/\(tokenizerName)", text: tokenizer) }
    try AtomicFile.write("\(path)/\(configurationName)", text: json + "\n")
  }
}
