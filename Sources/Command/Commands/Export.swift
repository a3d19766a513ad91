import DeepEPStorage
import DeepEPTraining

/// `deepep export`: a trained model as a folder that Hugging Face's `transformers` opens.
struct Export {
  var checkpoint = CheckpointChoice.newest
  var folder = ""
  var usesAverages = false

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "export", summary: "Write a trained model for Hugging Face's transformers.",
      defaults: Export(),
      parameters: [
        .positional(
          "checkpoint", \.checkpoint, .checkpoint, "of 'deepep train', or the folder of a run",
          isRequired: true),
        .positional("folder", \.folder, .folder, "where the model goes", isRequired: true),
        .flag("averages", \.usesAverages, "write the moving averages of the weights"),
      ],
      examples: ["runs/notes-1 notes-model", "newest notes-model"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    guard !HuggingFaceFolder.hasModel(folder) else {
      throw StorageError(
        "there is a model already", at: "folder \(folder)",
        fix: "choose another folder, or remove this one")
    }
    let model = try Checkpoint(checkpoint.file())
    let hasTokenizer = try HuggingFaceFolder.write(model, to: folder, byAverages: usesAverages)
    try output.write("saved   \(folder)   (AutoModelForCausalLM.from_pretrained(\"\(folder)\"))\n")
    guard !hasTokenizer else { return }
    try output.write(
      "no tokenizer.json is written: transformers has none of this kind; "
        + "deepep train --from \(model.path) goes on with the model and its tokens\n")
  }
}
