import DeepEPCompute
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTraining
import DeepEPTransforms

/// A run of `deepep train`, from the text to the sample at the end, on one of its ranks.
struct TrainingRun {
  private let options: Train
  private let strategy: Strategy
  /// The options as a file, to be kept with the run.
  private let settings: String
  private let place: RunPlace
  private let job: JoinedJob
  private let output: TerminalOutput

  /// Describes a run; nothing is read yet.
  init(
    _ options: Train, settings: String, place: RunPlace, job: JoinedJob, output: TerminalOutput
  ) {
    (self.options, self.settings) = (options, settings)
    (self.place, self.job, self.output) = (place, job, output)
    strategy = options.strategy.map(job.strategy) ?? Strategy(data: job.rankCount)
  }

  /// Trains.
  func run(until stop: StopRequest) throws -> TrainingEnd {
    let checkpoint = place.checkpoint
    let model = try FirstModel(options, goingOnFrom: checkpoint)
    if job.isFirst { try place.check() }
    let data = try TrainingData(
      options, model.tokenizer, sequenceLength: model.sequenceLength,
      known: checkpoint?.tokenizer(), in: job)
    let description = try model.description(for: data.tokenizer)
    if let checkpoint { try ResumedModel(checkpoint).check(description, options) }
    return try run(description.sizes.model(), of: description, model.pretrained, data, until: stop)
  }

  private func run(
    _ network: some LanguageModel, of description: ModelDescription,
    _ pretrained: (any PretrainedModel)?, _ data: TrainingData, until stop: StopRequest
  ) throws -> TrainingEnd {
    let total =
      options.steps
      ?? max(1, options.epochs * data.loader.batchesPerEpoch / options.gradientAccumulation)
    if let made = place.stepsMade, made >= total {
      if job.isFirst {
        try output.write(
          "already at step \(made) of \(total): nothing to do; --steps N with a larger N goes on\n")
      }
      return .finished
    }
    let peak = try ArithmeticPeak.gigaflops(threads: threads, kernelCache: options.kernelCache)
    if job.isFirst {
      try output.write(
        introduction(data, description.sizes, from: pretrained?.path, peakGigaflops: peak))
    }
    let rule = rule(steps: total)
    if job.isFirst { try output.write(course(rule, data)) }
    let trainer = try trainer(network, description.adaptation, rule.optimizer)
    trainer.peakGigaflops = peak
    if let pretrained { try trainer.load(pretrained) }
    let checkpoints = try plan(data, description)
    let end = try trainer.fit(
      data.loader, steps: total,
      validation: ValidationPlan(everySteps: options.validateEvery, patience: options.patience),
      records: RunRecords(
        metrics: options.metrics, tensorboard: options.tensorboard, trace: options.trace,
        curve: options.curve),
      checkpoints: checkpoints, stop: stop)
    let averaged = try end == .finished ? averagedLoss(trainer, data.loader) : nil
    let saved = RunListing.path(ofStep: trainer.step, in: checkpoints.folder)
    if job.isFirst {
      if let averaged {
        try output.write(
          "averages have a loss of \(Quantity.fixed(averaged, 4)) on the same data\n")
      }
      try finish(end, data, saved, step: trainer.step, of: total)
    }
    return end
  }

  /// What the moving averages of the weights lose on the held-out data; nil if there are none.
  private func averagedLoss(
    _ trainer: DistributedTrainer<some LanguageModel>, _ loader: any BatchLoader
  ) throws -> Double? {
    try options.ema == nil ? nil : trainer.evaluate(loader, byAverages: true)
  }

  private func trainer<Model: LanguageModel>(
    _ network: Model, _ adaptation: LowRankAdaptation?, _ optimizer: any Optimizer
  ) throws -> DistributedTrainer<Model> {
    let trainer = try DistributedTrainer(
      model: network, loss: .crossEntropy, optimizer: optimizer,
      precision: options.precision, gradientAccumulation: options.gradientAccumulation,
      strategy: strategy, communication: options.communication,
      clipNorm: options.clipNorm, seed: options.seed, emaDecay: options.ema,
      frozen: options.freeze?.all ?? [], adaptation: adaptation, recordsTaps: options.taps,
      threads: options.threads, kernelCache: options.kernelCache,
      memoryBudgetBytes: options.memoryBudget?.bytes, debugsNumerics: options.debugNumerics)
    trainer.join(job)
    if let checkpoint = place.checkpoint { try trainer.resume(from: checkpoint.path) }
    return trainer
  }

  private func rule(steps: Int) -> OptimizerChoice {
    OptimizerChoice(
      name: options.optimizer, schedule: options.schedule, learningRate: options.learningRate,
      weightDecay: options.weightDecay, steps: steps)
  }

  /// What a person is told about the steps.
  private func course(_ rule: OptimizerChoice, _ data: TrainingData) -> String {
    let tokens = options.batch * options.gradientAccumulation * data.sequenceLength
    let (steps, size) = (Quantity.count(rule.steps), Quantity.count(tokens))
    return "steps   \(steps) of \(size) tokens; \(rule.text)\n"
  }

  private func plan(_ data: TrainingData, _ model: ModelDescription) throws -> CheckpointPlan {
    CheckpointPlan(
      folder: try place.folder(forData: options.text[0], in: job),
      everySteps: options.checkpointEvery,
      keep: options.keep, modelConfiguration: try model.json, tokenizer: try data.tokenizer.json,
      settings: settings)
  }

  /// The threads of a rank.
  private var threads: Int { options.threads ?? job.threadCount }

  private func introduction(
    _ data: TrainingData, _ sizes: any LanguageModelConfiguration, from origin: String?,
    peakGigaflops: Double
  ) -> String {
    let processor = Processor()
    let ranks = job.rankCount > 1 ? "\(job.rankCount) ranks (\(strategy)) of " : ""
    let each = job.rankCount > 1 ? "a rank " : ""
    return """
      \(Release.name)  \(processor.name), \(ranks)\(threads.counted("thread")), \(processor.vectorClass.rawValue), \
      \(each)peak \(Quantity.number(peakGigaflops)) GFLOP/s fp32 (measured)
      \(data.introduction)\
      model   \(type(of: sizes).family), \(sizes.layers) layers, width \(sizes.width), \(sizes.heads) heads, \
      context \(data.sequenceLength): \(Quantity.count(sizes.parameterCount)) weights\
      \(origin.map { ", of \($0)" } ?? "")

      """
  }

  private func finish(
    _ end: TrainingEnd, _ data: TrainingData, _ saved: String, step: Int, of total: Int
  ) throws {
    let folder = RunListing.run(ofCheckpoint: saved)?.folder ?? saved
    let advice = RunPlace.advice(folder, rankCount: job.rankCount)
    if case .stopped(let reason) = end {
      let text = "stopped by \(reason) after step \(step) of \(total): saved \(saved)"
      // Nobody would read it there.
      let output = reason == .readerGone ? TerminalOutput.error : output
      return try output.write("\(text)   (\(advice))\n")
    }
    if end == .stoppedEarly {
      try output.write(
        "stopped early after step \(step) of \(total): no new lowest validation loss in "
          + "\(options.patience ?? 0) looks\n")
    }
    if let baseline = try data.baseline() { try output.write(baseline) }
    try output.write("saved   \(saved)   (\(advice))\n")
    if options.sampleLength > 0 { try sample(saved) }
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
