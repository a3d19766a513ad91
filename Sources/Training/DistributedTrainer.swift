import DeepEPCompute
import DeepEPElements
import DeepEPEvents
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
/// Used by one thread; ``fit(_:epochs:steps:)`` returns when training has ended.
public final class DistributedTrainer<Model: Module> {
  /// The model.
  public let model: Model
  private let loss: Loss
  private let builder: ProgramBuilder
  private let threads: Int?
  private let kernelCache: KernelCache
  private var strategy: Strategy
  private var session: TrainingSession?
  /// What the session, once there is one, continues from.
  private var origin: Checkpoint?

  /// Describes a training run; nothing is computed yet.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - loss: What its output is compared with.
  ///   - optimizer: The rule by which parameters follow gradients.
  ///   - precision: The element type of contractions; nil takes the strategy's.
  ///   - gradientAccumulation: The number of the loader's batches whose gradients make one update.
  ///   - strategy: How the run is spread over devices.
  ///   - clipNorm: The largest norm of all gradients together; nil leaves them as they are.
  ///   - seed: What random first values and dropout depend on.
  ///   - emaDecay: How much of the moving average of each parameter stays in an update, such as 0.999;
  ///     nil keeps no averages.
  ///   - lossScaling: How the loss is scaled so that small gradients do not vanish; nil scales it in
  ///     float16 alone.
  ///   - frozen: Modules and parameters, by path, that stay as they are, such as `transformer.wte`; running statistics of
  ///     a frozen module still follow its batches.
  ///   - threads: The number of threads; by default all cores.
  ///   - kernelCache: Where compiled kernels are kept for the next run.
  /// - Throws: ``TrainingError`` for a setting that cannot work.
  public init(
    model: Model, loss: Loss = .crossEntropy, optimizer: any Optimizer = .adamW(),
    precision: Precision? = nil, gradientAccumulation: Int = 1,
    strategy: Strategy = Strategy(), clipNorm: Double? = nil, seed: UInt64 = 0,
    emaDecay: Double? = nil, lossScaling: LossScaling? = nil, frozen: [String] = [],
    threads: Int? = nil, kernelCache: KernelCache = .standard
  ) throws {
    guard gradientAccumulation > 0 else {
      throw TrainingError(
        what: "gradientAccumulation is \(gradientAccumulation)", place: "DistributedTrainer",
        fix: "use 1 for an update after every batch, or more")
    }
    guard strategy.rankCount == 1, strategy.zero == 0 else {
      throw TrainingError(
        what: "the strategy needs \(strategy.rankCount) ranks and ZeRO stage \(strategy.zero)",
        place: "DistributedTrainer", fix: "this version runs on one rank: use Strategy()")
    }
    if let emaDecay, !(0..<1).contains(emaDecay) {
      throw TrainingError(
        what: "emaDecay is \(emaDecay)", place: "DistributedTrainer",
        fix: "use a share from 0 to below 1, such as 0.999")
    }
    try lossScaling?.check()
    self.model = model
    self.loss = loss
    self.threads = threads
    self.kernelCache = kernelCache
    self.strategy = strategy
    self.strategy.precision = precision ?? strategy.precision
    let isSmall = self.strategy.precision == .float16
    builder = ProgramBuilder(
      optimizer: optimizer, clipNorm: clipNorm, gradientAccumulation: gradientAccumulation,
      seed: seed, lossScaling: lossScaling ?? (isSmall ? LossScaling() : nil),
      emaDecay: emaDecay, frozen: frozen)
  }

  /// The number of updates made.
  public var step: Int { session?.step ?? 0 }

  /// Compiles the program for a loader's batches and gives every parameter its first value; does
  /// nothing the second time.
  ///
  /// - Throws: ``TraceError`` for a mistake in the model, ``TrainingError`` for a loader that does not
  ///   fit, and the device's errors.
  @discardableResult
  package func start(_ loader: some BatchLoader) throws -> TrainingSession {
    if let session { return session }
    let device = try CPUDevice(
      threadCount: threads, kernels: KernelLibrary(cache: kernelCache))
    let programs = ModelPrograms(
      of: model.parameters, builder, strategy: strategy, on: device
    ) { [model, loss] inputs, evaluation in
      try ProgramBuilder.traced(model, loss, inputs: inputs, evaluation: evaluation)
    }
    let session = try TrainingSession(
      programs, loader, gradientAccumulation: builder.gradientAccumulation)
    try session.prepare()
    if let origin { try session.restore(origin) } else { try session.initialize() }
    self.session = session
    return session
  }

  /// Continues from a checkpoint that ``save(to:modelConfiguration:tokenizer:)`` wrote, bit for bit:
  /// parameters, statistics, moving averages, the optimiser's state, the loss scale, dropout and the
  /// position in the data.
  ///
  /// To be called before ``fit(_:epochs:steps:)``, which then makes the steps that are left. Options
  /// such as the number of threads or of accumulated batches may be others than before.
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
  /// - Parameters:
  ///   - loader: The data.
  ///   - epochs: How often every example is seen.
  ///   - steps: The number of updates instead of epochs.
  /// - Throws: The loader's errors; ``TraceError`` for a mistake in the model; ``TrainingError`` if the
  ///   loss is not finite.
  public func fit(_ loader: some BatchLoader, epochs: Int = 1, steps: Int? = nil) throws {
    let session = try start(loader)
    let perEpoch = loader.batchesPerEpoch / builder.gradientAccumulation
    let total = steps ?? max(1, epochs * perEpoch)
    var log = TrainingLog(session, loader, stepCount: total, output: .standard)
    try log.begin()
    while session.step < total {
      let loss = try session.step(loader)
      try log.stepped(loss)
    }
    try log.end(validationLoss: session.evaluate(loader))
  }

  /// The mean loss over a loader's held-out data; nil if it holds nothing out.
  ///
  /// - Parameters:
  ///   - loader: The data.
  ///   - byAverages: Whether the moving averages of the parameters are used in their place.
  /// - Throws: The errors of ``fit(_:epochs:steps:)``; ``TrainingError`` if there are no averages.
  public func evaluate(_ loader: some BatchLoader, byAverages: Bool = false) throws -> Double? {
    guard byAverages else { return try start(loader).evaluate(loader) }
    guard builder.emaDecay != nil else {
      throw TrainingError(
        what: "there are no moving averages", place: "DistributedTrainer.evaluate",
        fix: "make the trainer with emaDecay, such as 0.999")
    }
    return try start(loader).evaluate(loader, by: .evaluateAverages)
  }

  /// Writes a checkpoint: parameters, statistics, optimiser state, position in the data.
  ///
  /// The file is written aside and renamed, so that it is either whole or not there.
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
    let state = CheckpointState(
      step: session.step, dataPosition: session.dataPosition,
      modelConfiguration: modelConfiguration, tokenizer: tokenizer)
    try Checkpoint.write(session.tensorsToWrite(), state: state, to: path)
  }
}
