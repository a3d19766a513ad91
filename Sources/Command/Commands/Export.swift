import DeepEPStorage
import DeepEPTraining

/// `deepep export`: a trained model as a folder that Hugging Face's `transformers` opens.
struct Export {
  var checkpoint = ""
  var folder = ""

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "export", summary: "Write a trained model for Hugging Face's transformers.",
      defaults: Export(),
      parameters: [
        .positional(
          "checkpoint", \.checkpoint, .path, "a file that 'deepep train' wrote", isRequired: true),
        .positional("folder", \.folder, .path, "where the model goes", isRequired: true),
      ],
      examples: ["runs/model.safetensors notes-model"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    try HuggingFaceFolder.write(Checkpoint(checkpoint), to: folder)
    try output.write("saved   \(folder)   (AutoModelForCausalLM.from_pretrained(\"\(folder)\"))\n")
  }
}
