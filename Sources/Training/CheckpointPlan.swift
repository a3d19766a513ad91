/// Where a run writes a checkpoint from time to time, so that it can go on from the last one.
public struct CheckpointPlan: Hashable, Sendable {
  /// The file; each checkpoint takes the place of the one before as soon as it is whole.
  public var path: String
  /// The number of steps from one checkpoint to the next.
  public var everySteps: Int
  /// What makes the model again, as text of the caller's choice.
  public var modelConfiguration: String
  /// The tokeniser's JSON.
  public var tokenizer: String

  /// Makes a plan.
  public init(
    path: String, everySteps: Int, modelConfiguration: String = "", tokenizer: String = ""
  ) {
    (self.path, self.everySteps) = (path, everySteps)
    (self.modelConfiguration, self.tokenizer) = (modelConfiguration, tokenizer)
  }

  /// Whether one is due after a step, of which the last one is left to the caller.
  func isDue(afterStep step: Int, of total: Int) -> Bool {
    everySteps > 0 && step % everySteps == 0 && step < total
  }
}
