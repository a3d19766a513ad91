import DeepEPEvents
import DeepEPStorage

/// Makes the steps of a run, and between them looks at the held-out data, writes checkpoints, and tells how it goes.
///
/// All ranks go through it alike.
struct TrainingLoop {
  let session: TrainingSession
  let loader: any BatchLoader
  let stepCount: Int
  let validation: ValidationPlan
  /// Nil if no checkpoints are written.
  let checkpoints: CheckpointWriter?
  let stop: StopRequest?
  /// Called after every step.
  let onStep: ((TrainingStep) throws -> Void)?
  /// Called with the path of each checkpoint.
  let onWritten: (String) -> Void
  /// Nil on all ranks but the first.
  var log: TrainingLog?

  /// Goes on until all steps are made, or something ends the run before.
  mutating func run() throws -> TrainingEnd {
    try log?.begin()
    var stops = stop.map { StopAgreement($0, among: session.ranks, atStep: session.step) }
    var patience = Patience(validation.patience)
    while session.step < stepCount {
      if let reason = try stops?.reason(afterStep: session.step) {
        return try end(.stopped(reason), nil)
      }
      let validationLoss = try step()
      if let validationLoss, patience.isOver(after: validationLoss) {
        return try end(.stoppedEarly, validationLoss)
      }
    }
    return try end(.finished, session.evaluate(loader))
  }

  /// Makes a step; returns the loss on the held-out data, if it was looked at.
  private mutating func step() throws -> Double? {
    let loss = try session.step(loader)
    let isWritten = checkpoints?.plan.isDue(afterStep: session.step, of: stepCount) ?? false
    var validationLoss: Double?
    if isWritten || validation.isDue(afterStep: session.step, of: stepCount) {
      validationLoss = try untimed { try $0.session.evaluate($0.loader) }
    }
    let step = TrainingStep(
      step: session.step, stepCount: stepCount, loss: loss, validationLoss: validationLoss,
      learningRate: session.learningRate, gradientNorm: session.gradientNorm, taps: session.taps)
    try log?.stepped(step)
    if isWritten { try untimed { try $0.write(validationLoss) } }
    try onStep?(step)
    return validationLoss
  }

  private mutating func end(_ end: TrainingEnd, _ validationLoss: Double?) throws -> TrainingEnd {
    try write(validationLoss)
    try log?.end(validationLoss: validationLoss)
    return end
  }

  /// Does what does not count for the speed of steps.
  private mutating func untimed<Result>(_ body: (Self) throws -> Result) rethrows -> Result {
    let startSeconds = Clock.seconds
    defer { log?.leaveOut(seconds: Clock.seconds - startSeconds) }
    return try body(self)
  }

  private func write(_ validationLoss: Double?) throws {
    try checkpoints?.write(session, validationLoss: validationLoss, onWritten: onWritten)
  }
}
