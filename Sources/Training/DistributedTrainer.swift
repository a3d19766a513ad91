import DeepEPCommunication
import DeepEPCompute
import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms

/// Trains a model: the one call that a user makes.
///
/// ```swift
/// let trainer = try DistributedTrainer(model: model, optimizer: .adamW(learningRate: 3e-4))
/// try trainer.fit(loader, epochs: 3)
/// ```
///
/// Where `deepep launch`, torchrun, srun or mpirun started the process as one of several ranks, it joins them: the
/// strategy says how they share the work, and only rank 0 speaks. All ranks make the same calls.
///
/// Under `deepep launch --restarts`, ranks that take the place of others go on by themselves from the last checkpoint
/// that those have written, with fewer data-parallel ranks if there are fewer.
///
/// Used by one thread; ``fit(_:epochs:steps:validation:records:checkpoints:stop:onStep:)`` returns when training has ended.
public final class DistributedTrainer<Model: Module> {
  /// The model.
  public let model: Model
  private let loss: Loss
  private let builder: ProgramBuilder
  private let threads: Int?
  private let kernelCache: KernelCache
  private let memoryBudget: MemoryBudget?
  private let debugsNumerics: Bool
  private var strategy: Strategy
  private let communication: CommunicationTransport?
  private var job: JoinedJob?
  private var session: TrainingSession?
  /// What the session, once there is one, continues from.
  private var origin: Checkpoint?
  /// Whose weights the run begins with, unless it continues.
  private var pretrained: (any PretrainedModel)?
  /// What the threads of this rank reach at best, in units of 10^9 operations a second; nil measures it.
  package var peakGigaflops: Double?
  /// The numbers of ranks that can go on with the run.
  private var restartRankCounts: [Int] = []

  /// Describes a training run; nothing is computed yet.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - loss: What its output is compared with.
  ///   - optimizer: The rule by which parameters follow gradients.
  ///   - precision: The element type of contractions; nil takes the strategy's.
  ///   - gradientAccumulation: The number of the loader's batches whose gradients make one update.
  ///   - strategy: How the run is spread over ranks; the batch of the loader is that of all of them.
  ///   - communication: How ranks reach one another; nil takes shared memory on one host, else sockets.
  ///   - clipNorm: The largest norm of all gradients together; nil leaves them as they are.
  ///   - seed: What random first values and dropout depend on.
  ///   - emaDecay: How much of the moving average of each parameter stays in an update, such as 0.999;
  ///     nil keeps no averages.
  ///   - lossScaling: How the loss is scaled so that small gradients do not vanish; nil scales it in
  ///     float16 alone.
  ///   - frozen: Parameters that stay as they are, such as `transformer.wte` or `*.ln_1`: they have no gradients and no
  ///     state of the optimiser; running statistics of a frozen module still follow its batches.
  ///   - adaptation: The small matrices beside weights that are trained in their place; nil trains the weights.
  ///   - recordsTaps: Whether steps also compute the statistics of values that the model taps; see ``Tensor/tap(_:file:line:)``.
  ///   - threads: The number of threads of this rank; by default its share of the host's cores.
  ///   - kernelCache: Where compiled kernels are kept for the next run.
  ///   - memoryBudgetBytes: The most memory that a rank's plan may take; nil is its share of the host's. What does not
  ///     fit is an error before anything is allocated.
  ///   - debugsNumerics: Whether a step whose loss or state is not finite says which operation was the first, and is
  ///     written to a file for `deepep replay`. It takes a copy of the state in each step.
  /// - Throws: ``TrainingError`` for a setting that cannot work.
  public init(
    model: Model, loss: Loss = .crossEntropy, optimizer: any Optimizer = .adamW(),
    precision: Precision? = nil, gradientAccumulation: Int = 1,
    strategy: Strategy = Strategy(), communication: CommunicationTransport? = nil,
    clipNorm: Double? = nil, seed: UInt64 = 0, emaDecay: Double? = nil,
    lossScaling: LossScaling? = nil, frozen: [ParameterPattern] = [],
    adaptation: LowRankAdaptation? = nil, recordsTaps: Bool = false, threads: Int? = nil,
    kernelCache: KernelCache = .standard, memoryBudgetBytes: Int? = nil,
    debugsNumerics: Bool = false
  ) throws {
    guard gradientAccumulation > 0 else {
      throw TrainingError(
        what: "gradientAccumulation is \(gradientAccumulation)", place: "DistributedTrainer",
        fix: "use 1 for an update after every batch, or more")
    }
    if let emaDecay, !(0..<1).contains(emaDecay) {
      throw TrainingError(
        what: "emaDecay is \(emaDecay)", place: "DistributedTrainer",
        fix: "use a share from 0 to below 1, such as 0.999")
    }
    try lossScaling?.check()
    try communication?.check()
    self.communication = communication
    self.model = model
    self.loss = loss
    self.threads = threads
    self.kernelCache = kernelCache
    self.debugsNumerics = debugsNumerics
    memoryBudget = memoryBudgetBytes.map { MemoryBudget($0, source: "the budget is") }
    self.strategy = strategy
    self.strategy.precision = precision ?? strategy.precision
    let isSmall = self.strategy.precision == .float16
    builder = ProgramBuilder(
      optimizer: optimizer, clipNorm: clipNorm, gradientAccumulation: gradientAccumulation,
      seed: seed, lossScaling: lossScaling ?? (isSmall ? LossScaling() : nil),
      emaDecay: emaDecay, frozen: frozen, adaptation: adaptation, recordsTaps: recordsTaps)
  }

  /// The number of updates made.
  public var step: Int { session?.step ?? 0 }

  /// Compiles the program for a loader's batches and gives every parameter its first value; does
  /// nothing the second time.
  ///
  /// - Throws: ``TraceError`` for a mistake in the model, ``TrainingError`` for a loader that does not
  ///   fit or ranks that differ, ``StrategyError`` for a strategy that cannot work, and the device's errors.
  @discardableResult
  package func start(_ loader: some BatchLoader) throws -> TrainingSession {
    if let session { return session }
    let job = try joined()
    let session = try job.run { try makeSession(loader, in: job) }
    self.session = session
    return session
  }

  /// Takes part in a job that this process has joined already; otherwise the trainer joins it.
  package func join(_ job: JoinedJob) { self.job = job }

  private func joined() throws -> JoinedJob {
    if let job { return job }
    let made = try JoinedJob()
    job = made
    return made
  }

  private func makeSession(
    _ loader: some BatchLoader, in job: JoinedJob
  ) throws -> TrainingSession {
    let strategy = job.fitted(job.strategy(from: strategy))
    var builder = builder
    builder.compression = strategy.compression
    if let path = job.control.restart?.checkpoint { origin = try Checkpoint(path) }
    let meeting = try RankMeeting(
      in: job, strategy: strategy, transport: communication, loader: loader, origin: origin,
      pretrained: pretrained)
    let device = try CPUDevice(
      threadCount: threads ?? job.threadCount, kernels: KernelLibrary(cache: kernelCache),
      links: meeting.links)
    let programs = ModelPrograms(
      of: model.parameters, builder, strategy: strategy, on: device,
      budget: memoryBudget ?? .host(ranks: job.control.membership.localRanks.count),
      meeting: meeting
    ) { [model, loss] inputs, evaluation in
      try ProgramBuilder.traced(model, loss, inputs: inputs, evaluation: evaluation)
    }
    let session = try TrainingSession(
      programs, loader, gradientAccumulation: builder.gradientAccumulation)
    try session.prepare()
    try begin(session)
    restartRankCounts = strategy.rankCounts(for: session.program)
    offer(job.control.restart?.checkpoint, session, in: job)
    return session
  }

  private func begin(_ session: TrainingSession) throws {
    if let origin { return try session.restore(origin) }
    try session.initialize()
    if let pretrained { try session.load(pretrained) }
  }

  /// Tells a launcher from where the run can go on if ranks are lost: a checkpoint, or from where it began.
  private func offer(_ path: String?, _ session: TrainingSession, in job: JoinedJob) {
    guard job.isFirst else { return }
    job.control.offer(
      RestartPoint(
        rankCounts: restartRankCounts,
        checkpoint: path.map { .init(path: $0, step: session.step) }))
  }

  /// Begins with the weights of a trained model instead of random ones: those of a ``HuggingFaceFolder``, converted to
  /// float32, or of a ``Checkpoint``, whose optimizer, averages and position stay behind.
  ///
  /// To be called before ``fit(_:epochs:steps:validation:records:checkpoints:stop:onStep:)``; all ranks read the files.
  /// To go on with a run, call ``resume(from:)``.
  ///
  /// ```swift
  /// let folder = try HuggingFaceFolder("gpt2")
  /// let trainer = try DistributedTrainer(model: GPT2(GPT2Configuration(folder)))
  /// try trainer.load(folder)
  /// ```
  ///
  /// - Throws: ``StorageError`` if the weights are of another model, here or as soon as the program is known.
  public func load(_ model: some PretrainedModel) throws {
    try session?.load(model)
    pretrained = model
  }

  /// Continues from a checkpoint that ``save(to:modelConfiguration:tokenizer:)`` wrote, bit for bit:
  /// parameters, statistics, moving averages, the optimiser's state, the loss scale, dropout and the
  /// position in the data.
  ///
  /// To be called before ``fit(_:epochs:steps:validation:records:checkpoints:stop:onStep:)``, which then makes the steps that are left. Options
  /// such as the number of threads or of accumulated batches, the strategy and the number of ranks may be
  /// others than before; all ranks read the file.
  ///
  /// - Throws: ``StorageError`` if the file cannot be read or is damaged; if it is of another model,
  ///   here or as soon as the program is known.
  public func resume(from path: String) throws {
    let checkpoint = try Checkpoint(path)
    try session?.restore(checkpoint)
    origin = checkpoint
  }

  /// Trains on a loader's batches, and says on standard output how it goes.
  ///
  /// ```swift
  /// try trainer.fit(
  ///   text, steps: 2000, validation: ValidationPlan(everySteps: 100, patience: 5),
  ///   records: RunRecords(metrics: "metrics.jsonl")
  /// ) { step in
  ///   if step.loss < 0.5 { stop.ask() }
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - loader: The data.
  ///   - epochs: How often every example is seen.
  ///   - steps: The number of updates instead of epochs.
  ///   - validation: When the held-out data is looked at, and when that ends the run.
  ///   - records: The files that the run writes about itself.
  ///   - checkpoints: Where checkpoints are written on the way and at the end; nil writes none.
  ///   - stop: What ends the run before its last step; all ranks have one, or none.
  ///   - onStep: Called after every step, on every rank; an error that it throws ends the run.
  /// - Returns: Whether all steps were made.
  /// - Throws: The loader's errors; ``TraceError`` for a mistake in the model; ``TrainingError`` if the
  ///   loss is not finite or ranks differ; ``StorageError`` if another run has the folder for checkpoints;
  ///   ``CommunicationError`` if another rank has failed.
  @discardableResult
  public func fit(
    _ loader: some BatchLoader, epochs: Int = 1, steps: Int? = nil,
    validation: ValidationPlan = ValidationPlan(), records: RunRecords = RunRecords(),
    checkpoints: CheckpointPlan? = nil, stop: StopRequest? = nil,
    onStep: ((TrainingStep) throws -> Void)? = nil
  ) throws -> TrainingEnd {
    try validation.check(checkpoints)
    let trace = try records.trace.map(TimelineFile.init)
    let loader = PrefetchingLoader(loader)
    let job = try joined()
    let writer = try job.run { try checkpoints.map { try self.writer($0, in: job) } }
    let session = try start(loader)
    session.captureFolder = debugsNumerics ? checkpoints?.folder ?? "." : nil
    let perEpoch = loader.batchesPerEpoch / builder.gradientAccumulation
    let total = steps ?? max(1, epochs * perEpoch)
    return try job.run {
      try RunAgreement([
        .init("the number of steps", "\(total)"), .init("the trace", trace?.path ?? "none"),
        .init("the number of steps between checkpoints", "\(checkpoints?.everySteps ?? 0)"),
        .init("when the held-out data is looked at", "\(validation)"),
        .init("the folder of the run", checkpoints?.folder ?? "none"),
        .init("whether it can be stopped", "\(stop != nil)"),
      ]).check(job.control)
      var loop = TrainingLoop(
        session: session, loader: loader, stepCount: total, validation: validation,
        checkpoints: writer, stop: stop, onStep: onStep,
        onWritten: { [self] in offer($0, session, in: job) })
      loop.log = try log(session, loader, stepCount: total, records, stop, in: job)
      let end = try loop.run()
      if let trace { try session.timelines(in: job).map(trace.write) }
      return end
    }
  }

  /// What tells how the run goes; nil on all ranks but the first.
  private func log(
    _ session: TrainingSession, _ loader: some BatchLoader, stepCount: Int, _ records: RunRecords,
    _ stop: StopRequest?, in job: JoinedJob
  ) throws -> TrainingLog? {
    // All ranks measure, since they share cores when they train.
    let measures = strategy.precision == .float32
    let peak = try measures ? peakGigaflops ?? session.peakGigaflops() : nil
    guard job.isFirst else { return nil }
    var log = try TrainingLog(
      session, loader, stepCount: stepCount, output: stop?.watching(.standard) ?? .standard,
      records: records)
    log.rankCount = job.rankCount
    log.peakGigaflops = peak
    return log
  }

  private func writer(_ plan: CheckpointPlan, in job: JoinedJob) throws -> CheckpointWriter {
    let step = session?.step ?? origin?.state.step ?? 0
    return try CheckpointWriter(
      plan, from: origin, step: job.control.restart == nil ? step : nil, isFirst: job.isFirst)
  }

  /// The mean loss over a loader's held-out data; nil if it holds nothing out.
  ///
  /// - Parameters:
  ///   - loader: The data.
  ///   - byAverages: Whether the moving averages of the parameters are used in their place.
  /// - Throws: The errors of ``fit(_:epochs:steps:validation:records:checkpoints:stop:onStep:)``; ``TrainingError`` if there are no averages.
  public func evaluate(_ loader: some BatchLoader, byAverages: Bool = false) throws -> Double? {
    guard !byAverages || builder.emaDecay != nil else {
      throw TrainingError(
        what: "there are no moving averages", place: "DistributedTrainer.evaluate",
        fix: "make the trainer with emaDecay, such as 0.999")
    }
    let session = try start(loader)
    return try joined().run {
      try session.evaluate(loader, by: byAverages ? .evaluateAverages : .evaluate)
    }
  }

  /// Writes a checkpoint: parameters, statistics, optimiser state, position in the data.
  ///
  /// The file is written aside and renamed, so that it is either whole or not there. Of several ranks the first
  /// writes it, with the whole tensors, so any number of ranks goes on from it under any strategy.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - modelConfiguration: What makes the model again, as text of the caller's choice.
  ///   - tokenizer: The tokeniser's JSON.
  /// - Throws: ``StorageError`` if it cannot be written; ``TrainingError`` before training.
  public func save(to path: String, modelConfiguration: String = "", tokenizer: String = "") throws
  {
    guard let session else {
      throw TrainingError(
        what: "there is nothing to save before training", place: "DistributedTrainer.save",
        fix: "call fit first")
    }
    let job = try joined()
    try job.run {
      try session.write(to: path, modelConfiguration: modelConfiguration, tokenizer: tokenizer)
      offer(path, session, in: job)
    }
  }
}
