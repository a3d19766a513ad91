import DeepEPCompute
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTraining
import FoundationEssentials

/// A run of `deepep train`, from the text to the sample at the end, on one of its ranks.
struct TrainingRun {
  private var options: Train
  /// Where the data is.
  private let text: String
  /// The options as a file, to be kept with the run.
  private let settings: String
  private let place: RunPlace
  private let job: JoinedJob
  private let output: TerminalOutput

  /// Describes a run; nothing is read yet.
  init(
    _ options: Train, text: String, settings: String, place: RunPlace, job: JoinedJob,
    output: TerminalOutput
  ) {
    (self.options, self.text, self.settings) = (options, text, settings)
    (self.place, self.job, self.output) = (place, job, output)
    self.options.strategy = job.strategy(from: options.strategy)
  }

  /// Trains.
  func run(until stop: StopRequest) throws -> TrainingEnd {
    let model = try FirstModel(options)
    if job.isFirst { try place.check() }
    let loader = try loader()
    let sizes = try model.sizes(forVocabulary: loader.vocabularySize)
    let peak = try ArithmeticPeak.gigaflops(threads: threads, kernelCache: options.kernelCache)
    if job.isFirst { try output.write(introduction(loader, sizes, peakGigaflops: peak)) }
    let total =
      options.steps
      ?? max(1, options.epochs * loader.batchesPerEpoch / options.gradientAccumulation)
    let trainer = try trainer(sizes, steps: total)
    trainer.peakGigaflops = peak
    if let folder = model.folder { try trainer.load(folder) }
    let checkpoints = try plan(loader, sizes)
    let end = try trainer.fit(
      loader, steps: total,
      validation: ValidationPlan(everySteps: options.validateEvery, patience: options.patience),
      records: RunRecords(
        metrics: options.metrics, tensorboard: options.tensorboard, trace: options.trace,
        curve: options.curve),
      checkpoints: checkpoints, stop: stop)
    let saved = RunListing.path(ofStep: trainer.step, in: checkpoints.folder)
    if job.isFirst { try finish(end, loader, saved, step: trainer.step, of: total) }
    return end
  }

  private func loader() throws -> TextLoader {
    let documents = try Documents(text)
    return try TextLoader(
      documents, sequenceLength: options.context, batchSize: options.batch, seed: options.seed,
      tokenizer: options.tokenizer.tokenizer(for: documents))
  }

  private func trainer(
    _ sizes: GPT2Configuration, steps: Int
  ) throws -> DistributedTrainer<GPT2> {
    let rule = OptimizerChoice(
      name: options.optimizer, schedule: options.schedule, learningRate: options.learningRate,
      weightDecay: options.weightDecay, steps: steps)
    let trainer = try DistributedTrainer(
      model: GPT2(sizes), loss: .crossEntropy, optimizer: rule.optimizer,
      precision: options.precision, gradientAccumulation: options.gradientAccumulation,
      strategy: options.strategy, communication: options.communication,
      clipNorm: options.clipNorm, seed: options.seed, recordsTaps: options.taps,
      threads: options.threads, kernelCache: options.kernelCache)
    trainer.join(job)
    if let checkpoint = place.checkpoint { try trainer.resume(from: checkpoint) }
    return trainer
  }

  private func plan(_ loader: TextLoader, _ sizes: GPT2Configuration) throws -> CheckpointPlan {
    let json = String(decoding: try JSONEncoder().encode(sizes), as: UTF8.self)
    return CheckpointPlan(
      folder: try place.folder(forData: text, in: job), everySteps: options.checkpointEvery,
      keep: options.keep, modelConfiguration: json, tokenizer: try loader.tokenizer.json,
      settings: settings)
  }

  /// The threads of a rank.
  private var threads: Int { options.threads ?? job.threadCount }

  private func introduction(
    _ loader: TextLoader, _ sizes: GPT2Configuration, peakGigaflops: Double
  ) throws -> String {
    let processor = Processor()
    let tokens = loader.trainingTokens.count + loader.validationTokens.count
    let ranks = job.rankCount > 1 ? "\(job.rankCount) ranks (\(options.strategy)) of " : ""
    let each = job.rankCount > 1 ? "a rank " : ""
    return """
      DeepEP  \(processor.name), \(ranks)\(threads) threads, \(processor.vectorClass.rawValue), \
      \(each)peak \(Quantity.number(peakGigaflops)) GFLOP/s fp32 (measured)
      data    \(text): \(tokens) \(options.tokenizer.unit), \(loader.vocabularySize) different, \
      last \(loader.validationTokens.count) held out
      model   GPT-2, \(sizes.layers) layers, width \(sizes.width), \(sizes.heads) heads, \
      context \(options.context): \(sizes.parameterCount) weights

      """
  }

  private func finish(
    _ end: TrainingEnd, _ loader: TextLoader, _ saved: String, step: Int, of total: Int
  ) throws {
    let folder = RunListing.run(ofCheckpoint: saved)?.folder ?? saved
    let advice = RunPlace.advice(folder, rankCount: job.rankCount)
    if case .stopped(let reason) = end {
      let text = "stopped by \(reason) after step \(step) of \(total): saved \(saved)"
      return try output.write("\(text)   (\(advice))\n")
    }
    if end == .stoppedEarly {
      try output.write(
        "stopped early after step \(step) of \(total): no new lowest validation loss in "
          + "\(options.patience ?? 0) looks\n")
    }
    try compare(loader)
    try output.write("saved   \(saved)   (\(advice))\n")
    if options.sampleLength > 0 { try sample(saved) }
  }

  private func compare(_ loader: TextLoader) throws {
    let counts = try NGramModel(
      loader.trainingTokens, vocabularySize: loader.vocabularySize, order: 5)
    let baseline = counts.crossEntropyNats(loader.validationTokens)
    try output.write(
      "an order-5 n-gram has \(Quantity.fixed(baseline, 4)) on the same \(options.tokenizer.unit)\n"
    )
  }

  private func sample(_ checkpoint: String) throws {
    try output.write("sample\n")
    let generator = try TextGenerator(
      checkpoint: checkpoint, threads: options.threads, kernelCache: options.kernelCache)
    try generator.generate(prompt: "\n", count: options.sampleLength, seed: options.seed) {
      try output.write($0)
    }
    try output.write("\n")
  }
}
