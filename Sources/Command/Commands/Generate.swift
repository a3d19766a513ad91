import DeepEPCompute
import DeepEPTraining

/// `deepep generate`: a trained model continues a text.
struct Generate {
  var checkpoint = CheckpointChoice.newest
  var prompt = "\n"
  var count = 600
  var temperature = 0.8
  var seed: UInt64 = 0
  var usesAverages = false
  var threads: Int?
  var kernelCache = KernelCache.standard

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "generate", summary: "Let a trained model continue a text.", defaults: Generate(),
      parameters: [
        .positional(
          "checkpoint", \.checkpoint, .checkpoint, "of 'deepep train', or the folder of a run",
          isRequired: false),
        .option("prompt", \.prompt, .text, "the beginning"),
        .option("count", \.count, .positiveInteger, "tokens to add"),
        .option("temperature", \.temperature, .nonNegativeNumber, "0 takes the likeliest"),
        .option("seed", \.seed, .seed, "what the choice depends on"),
        .flag("averages", \.usesAverages, "take the moving averages of the weights"),
        .option("threads", \.threads, .positiveInteger, "threads to use; by default all cores"),
        .option("kernel-cache", \.kernelCache, .kernelCache, "where compiled kernels are kept"),
      ],
      examples: ["--prompt \"In the beginning\"", "runs/notes-1/best --temperature 0"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let generator = try TextGenerator(
      checkpoint: checkpoint.file(), byAverages: usesAverages, threads: threads,
      kernelCache: kernelCache)
    // Not before it is known that the model has all of its characters.
    var beginning = prompt == "\n" ? "" : prompt
    try generator.generate(
      prompt: prompt, count: count, temperature: temperature, seed: seed
    ) { text in
      try output.write(beginning + text)
      beginning = ""
    }
    try output.write("\n")
  }
}
