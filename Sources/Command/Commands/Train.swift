import DeepEPCommunication
import DeepEPCompute
import DeepEPModels
import DeepEPStorage
import DeepEPTraining
import DeepEPTransforms

/// `deepep train`: a language model learns a text.
struct Train {
  var text: [String] = []
  var weights: [Double]?
  var tokenizer: TokenizerChoice?
  var tokenCache = TokenCache.standard
  var steps: Int?
  var epochs = 1
  var model = NamedModel.gptMini
  var from: CheckpointChoice?
  var layers: Int?
  var width: Int?
  var heads: Int?
  var context: Int?
  var window: Int?
  var keepsDocumentsApart = false
  var freeze: PatternList?
  var lora: Int?
  var loraAlpha: Double?
  var loraWeights: PatternList?
  var ema: Double?
  var batch = 16
  var gradientAccumulation = 1
  var dropout = 0.0
  var optimizer = OptimizerName.adamw
  var schedule = ScheduleName.cosine
  var learningRate: Double?
  var weightDecay = 0.1
  var clipNorm = 1.0
  var precision: Precision?
  var strategy: Strategy?
  var communication: CommunicationTransport?
  var seed: UInt64 = 0
  var threads: Int?
  var memoryBudget: ByteCount?
  var debugNumerics = false
  var kernelCache = KernelCache.standard
  var resume: CheckpointChoice?
  var out: String?
  var checkpointEvery = 0
  var keep: Int?
  var timeLimit: TimeLimit?
  var validateEvery = 0
  var patience: Int?
  var metrics: String?
  var tensorboard: String?
  var trace: String?
  var curve: String?
  var taps = false
  var sampleLength = 600

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "train", summary: "Train a language model on a text.", defaults: Train(),
      parameters: parameters,
      examples: [
        "notes/ --model llama-60m --tokenizer bpe --checkpoint-every 50",
        "a.txt b/ --weights 3,1 --tokenizer bpe",
        "--resume --steps 400", "notes.txt --strategy data=2,tensor=2,zero=1",
      ], givenBody: run)
  }

  private static var parameters: [Parameter<Train>] {
    dataParameters + modelParameters + optimizerParameters + rankParameters + runParameters
      + recordParameters
  }

  private static var dataParameters: [Parameter<Train>] {
    [
      .positionals("text", \.text, .paths, "a text, .jsonl, or a folder of them"),
      .option("weights", \.weights, .weights, "shares of several texts; by default their sizes")
        .seldom,
      .option(
        "tokenizer", \.tokenizer, .tokenizer,
        "characters unless bytes, bpe[:SIZE] or FILE.json"),
      .option(
        "token-cache", \.tokenCache, .tokenCache,
        "where tokens are kept; by default ~/.cache/deepep/tokens"
      ).seldom,
      .option("steps", \.steps, .positiveInteger, "updates to make, instead of epochs"),
      .option("epochs", \.epochs, .positiveInteger, "how often all of the text is seen"),
      .option("batch", \.batch, .positiveInteger, "sequences of a batch").seldom,
      .option(
        "gradient-accumulation", \.gradientAccumulation, .positiveInteger, "batches of an update"
      ).seldom,
    ]
  }

  private static var modelParameters: [Parameter<Train>] {
    [
      .option("model", \.model, .model, "one of 'deepep models'"),
      .option(
        "from", \.from, .pretrained, "begin with a run or a model of Hugging Face"),
      .option("layers", \.layers, .positiveInteger, "blocks, instead of the model's").seldom,
      .option("width", \.width, .positiveInteger, "width, instead of the model's").seldom,
      .option("heads", \.heads, .positiveInteger, "attention heads; divides the width").seldom,
      .option("context", \.context, .positiveInteger, "tokens of a sequence"),
      .option("window", \.window, .positiveInteger, "tokens that attention looks back").seldom,
      .flag(
        "documents-apart", \.keepsDocumentsApart, "attention does not look into other documents"
      ).seldom,
      .option("lora", \.lora, .positiveInteger, "train low-rank matrices of this rank instead")
        .seldom,
      .option("lora-alpha", \.loraAlpha, .positiveNumber, "how much they count; twice the rank")
        .seldom,
      .option(
        "lora-weights", \.loraWeights, .patterns, "beside which weights; by default all matrices"
      ).seldom,
      .option("freeze", \.freeze, .patterns, "what stays as it is").seldom,
      .option("dropout", \.dropout, .nonNegativeNumber, "share that training drops, below 1")
        .seldom,
    ]
  }

  private static var optimizerParameters: [Parameter<Train>] {
    [
      .option("optimizer", \.optimizer, .choice, "rule that updates the weights"),
      .option(
        "learning-rate", \.learningRate, .positiveNumber,
        "largest one; by default what suits the optimizer"),
      .option("schedule", \.schedule, .choice, "how the learning rate changes").seldom,
      .option("weight-decay", \.weightDecay, .nonNegativeNumber, "share of weights taken off")
        .seldom,
      .option("ema", \.ema, .shareBelowOne, "moving averages of weights, such as 0.999").seldom,
      .option("clip-norm", \.clipNorm, .positiveNumber, "largest norm of all gradients").seldom,
      .option(
        "precision", \.precision, .precision, "element type to compute in, if not the strategy's"),
      .option("seed", \.seed, .seed, "what first weights and order of data depend on").seldom,
    ]
  }

  private static var rankParameters: [Parameter<Train>] {
    [
      .option("strategy", \.strategy, .strategy, "how the run is spread over ranks"),
      .option("communication", \.communication, .choice, "how ranks reach one another").seldom,
      .option(
        "threads", \.threads, .positiveInteger, "threads of a rank; by default its cores"
      ).seldom,
      .option(
        "memory-budget", \.memoryBudget, .byteCount, "most that a rank's plan may take"
      ).seldom,
      .option(
        "kernel-cache", \.kernelCache, .kernelCache,
        "where compiled kernels are kept; by default ~/.cache/deepep"
      ).seldom,
    ]
  }

  private static var runParameters: [Parameter<Train>] {
    [
      .option(
        "resume", \.resume, .checkpoint, alone: "newest", "go on with the newest run, or PATH"),
      .option("out", \.out, .folder, "folder of the run; by default a new one, runs/TEXT-N"),
      .option(
        "checkpoint-every", \.checkpointEvery, .naturalNumber,
        "steps between two; 0: only at the end"),
      .option("keep", \.keep, .positiveInteger, "newest checkpoints to keep, beside the best")
        .seldom,
      .option(
        "validate-every", \.validateEvery, .naturalNumber,
        "steps between looks at the held-out text; 0: only with checkpoints"
      ).seldom,
      .option(
        "patience", \.patience, .positiveInteger,
        "looks without a new lowest loss after which the run ends"
      ).seldom,
      .option("time-limit", \.timeLimit, .timeLimit, "stop after it, with a checkpoint").seldom,
    ]
  }

  private static var recordParameters: [Parameter<Train>] {
    [
      .option("metrics", \.metrics, .path, "a file that gets a line of JSON for each step").seldom,
      .option("tensorboard", \.tensorboard, .path, "a folder for tensorboard --logdir").seldom,
      .option(
        "trace", \.trace, .path, "the last steps of all ranks: .json for Perfetto, or .svg"
      ).seldom,
      .flag(
        "debug-numerics", \.debugNumerics,
        "say where the first number that is not finite comes from"
      ).seldom,
      .option("curve", \.curve, .picture, "a picture of the losses, as SVG").seldom,
      .flag("taps", \.taps, "record statistics of tapped values in metrics and TensorBoard").seldom,
      .option("sample", \.sampleLength, .naturalNumber, "tokens of the sample at the end").seldom,
    ]
  }

  /// What belongs to one call of the command, and not to the run that others go on with.
  static let ofOneCall: Set<String> = ["resume", "out", "time-limit"]

  /// The options of a run as it was started.
  private static func options(file path: String) throws -> Train {
    try GivenArguments(command: "train", parameters: parameters, defaults: Train())
      .options(over: path)
  }

  private static func run(_ given: GivenArguments<Train>, output: TerminalOutput) throws {
    let asked = try given.options()
    guard !asked.text.isEmpty || asked.resume != nil else { throw given.missing("text") }
    // Before other threads start, so that none of them takes a signal.
    let stop = try StopRequest.signals(timeLimitSeconds: asked.timeLimit?.seconds)
    let job = try JoinedJob()
    let end = try job.run {
      let place = try RunPlace(out: asked.out, resume: asked.resume, in: job)
      var options = try given.options(over: place.settingsPath)
      // The run that goes on may have been given steps.
      if given.has("epochs"), !given.has("steps") { options.steps = nil }
      guard !options.text.isEmpty else { throw place.missingOptions ?? given.missing("text") }
      if let path = place.settingsPath {
        try ResumedModel.checkTokenizer(options, stored: Self.options(file: path))
      }
      try FirstModel.check(options, given, goesOn: place.checkpoint != nil)
      if place.checkpoint == nil { options.from = try options.from?.found(in: job) }
      let settings = given.text(of: options, without: ofOneCall)
      if given.printsConfiguration {
        if job.isFirst { try output.write(given.text(of: options)) }
        return TrainingEnd.finished
      }
      return try TrainingRun(
        options, settings: settings, place: place, job: job, output: stop.watching(output)
      ).run(until: stop)
    }
    if case .stopped = end { throw EndStatus.stopped }
  }
}
