import DeepEPCommunication
import DeepEPCompute
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTraining
import DeepEPTransforms
import FoundationEssentials

/// `deepep train`: a GPT learns a text.
struct Train {
  var text = ""
  var tokenizer = TokenizerChoice.characters
  var steps: Int?
  var epochs = 1
  var layers = 4
  var width = 128
  var heads = 4
  var context = 128
  var batch = 16
  var gradientAccumulation = 1
  var dropout = 0.0
  var optimizer = OptimizerName.adamw
  var schedule = ScheduleName.cosine
  var learningRate: Double?
  var weightDecay = 0.1
  var clipNorm = 1.0
  var precision: Precision?
  var strategy = Strategy()
  var communication: CommunicationTransport?
  var seed: UInt64 = 0
  var threads: Int?
  var kernelCache = KernelCache.standard
  var resume: String?
  var out = "runs/model.safetensors"
  var checkpointEvery = 0
  var log: String?
  var tensorboard: String?
  var trace: String?
  var sampleLength = 600

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "train", summary: "Train a GPT on a text.", defaults: Train(),
      parameters: parameters,
      examples: [
        "notes.txt", "notes.txt --tokenizer bpe --steps 200 --out runs/notes.safetensors",
        "notes.txt --strategy data=2,tensor=2,zero=1",
      ]
    ) { options in try options.run(output: output) }
  }

  private static var parameters: [Parameter<Train>] {
    [
      .positional("text", \.text, .path, "a text, .jsonl, or a folder of them", isRequired: true),
      .option(
        "tokenizer", \.tokenizer, .tokenizer, "characters, bytes, bpe[:SIZE] or a FILE.json"),
      .option("steps", \.steps, .positiveInteger, "updates to make, instead of epochs"),
      .option("epochs", \.epochs, .positiveInteger, "how often all of the text is seen"),
      .option("layers", \.layers, .positiveInteger, "blocks of the model"),
      .option("width", \.width, .positiveInteger, "width of the model"),
      .option("heads", \.heads, .positiveInteger, "attention heads; divides the width"),
      .option("context", \.context, .positiveInteger, "tokens the model sees at once"),
      .option("batch", \.batch, .positiveInteger, "sequences of a batch"),
      .option(
        "gradient-accumulation", \.gradientAccumulation, .positiveInteger, "batches of an update"),
      .option("dropout", \.dropout, .nonNegativeNumber, "share that training drops, below 1"),
      .option("optimizer", \.optimizer, .choice, "the rule by which weights follow gradients"),
      .option("schedule", \.schedule, .choice, "how the learning rate changes"),
      .option(
        "learning-rate", \.learningRate, .positiveNumber,
        "largest learning rate; by default one that suits the optimizer"),
      .option("weight-decay", \.weightDecay, .nonNegativeNumber, "share of weights taken off"),
      .option("clip-norm", \.clipNorm, .positiveNumber, "largest norm of all gradients"),
      .option(
        "precision", \.precision, .precision, "element type to compute in, if not the strategy's"),
      .option("strategy", \.strategy, .strategy, "how the run is spread over ranks"),
      .option("communication", \.communication, .choice, "how ranks reach one another"),
      .option("seed", \.seed, .seed, "what first weights and order of data depend on"),
      .option("threads", \.threads, .positiveInteger, "threads of a rank; by default its cores"),
      .option("kernel-cache", \.kernelCache, .kernelCache, "where compiled kernels are kept"),
      .option("resume", \.resume, .path, "the checkpoint of a run to continue"),
      .option("out", \.out, .path, "the checkpoint to write"),
      .option(
        "checkpoint-every", \.checkpointEvery, .naturalNumber,
        "steps from one checkpoint to the next; 0 writes one at the end"),
      .option("log", \.log, .path, "a file that gets a line of JSON for each step"),
      .option("tensorboard", \.tensorboard, .path, "a folder for tensorboard --logdir"),
      .option("trace", \.trace, .path, "the last steps of all ranks: .json for Perfetto, or .svg"),
      .option("sample", \.sampleLength, .naturalNumber, "tokens of the sample at the end"),
    ]
  }

  func run(output: TerminalOutput) throws {
    let job = try JoinedJob()
    var fitting = self
    fitting.strategy = job.strategy(from: strategy)
    try job.run { try fitting.run(in: job, output) }
  }

  private func run(in job: JoinedJob, _ output: TerminalOutput) throws {
    let configuration = try GPT2Configuration(
      vocabulary: 1, context: context, width: width, layers: layers, heads: heads,
      dropout: dropout
    ).validated()
    if job.isFirst { try CheckpointFolder(of: out).prepare() }
    let documents = try Documents(text)
    let loader = try TextLoader(
      documents, sequenceLength: context, batchSize: batch, seed: seed,
      tokenizer: tokenizer.tokenizer(for: documents))
    var sized = configuration
    sized.vocabulary = loader.vocabularySize
    if job.isFirst { try output.write(introduction(loader, sized, job)) }
    let total = steps ?? max(1, epochs * loader.batchesPerEpoch / gradientAccumulation)
    let trainer = try DistributedTrainer(
      model: GPT2(sized), loss: .crossEntropy, optimizer: rule(total), precision: precision,
      gradientAccumulation: gradientAccumulation, strategy: strategy,
      communication: communication, clipNorm: clipNorm, seed: seed, threads: threads,
      kernelCache: kernelCache)
    trainer.join(job)
    if let resume { try trainer.resume(from: resume) }
    let json = String(decoding: try JSONEncoder().encode(sized), as: UTF8.self)
    let tokenizer = try loader.tokenizer.json
    let checkpoints = CheckpointPlan(
      path: out, everySteps: checkpointEvery, modelConfiguration: json, tokenizer: tokenizer)
    try trainer.fit(
      loader, steps: total, log: log, tensorboard: tensorboard, trace: trace,
      checkpoints: checkpoints)
    try trainer.save(to: out, modelConfiguration: json, tokenizer: tokenizer)
    if job.isFirst { try finish(loader, output) }
  }

  private func rule(_ total: Int) -> any Optimizer {
    OptimizerChoice(
      name: optimizer, schedule: schedule, learningRate: learningRate, weightDecay: weightDecay,
      steps: total
    ).optimizer
  }

  private func introduction(
    _ loader: TextLoader, _ sized: GPT2Configuration, _ job: JoinedJob
  ) throws -> String {
    let processor = Processor()
    let tokens = loader.trainingTokens.count + loader.validationTokens.count
    let ranks = job.rankCount > 1 ? "\(job.rankCount) ranks (\(strategy)) of " : ""
    return """
      DeepEP  \(processor.name), \(ranks)\(threads ?? job.threadCount) threads, \
      \(processor.vectorClass.rawValue)
      data    \(text): \(tokens) \(tokenizer.unit), \(loader.vocabularySize) different, \
      last \(loader.validationTokens.count) held out
      model   GPT-2, \(layers) layers, width \(width), \(heads) heads, context \(context): \
      \(sized.parameterCount) weights

      """
  }

  private func finish(_ loader: TextLoader, _ output: TerminalOutput) throws {
    let counts = try NGramModel(
      loader.trainingTokens, vocabularySize: loader.vocabularySize, order: 5)
    let baseline = counts.crossEntropyNats(loader.validationTokens)
    try output.write(
      "an order-5 n-gram has \(Quantity.fixed(baseline, 4)) on the same \(tokenizer.unit)\n")
    try output.write("saved   \(out)   (deepep generate \(out))\n")
    guard sampleLength > 0 else { return }
    try output.write("sample\n")
    let generator = try TextGenerator(
      checkpoint: out, threads: threads, kernelCache: kernelCache)
    try generator.generate(prompt: "\n", count: sampleLength, seed: seed) { try output.write($0) }
    try output.write("\n")
  }
}
