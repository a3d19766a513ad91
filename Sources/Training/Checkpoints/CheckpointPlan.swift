/// Where a run writes its checkpoints, and when.
///
/// A run has a folder of its own. Its checkpoints are called `step-N` there; `best` leads to the one with the lowest loss
/// on the held-out data. There is one at the end of the run, also if it is stopped before.
public struct CheckpointPlan: Hashable, Sendable {
  /// The folder of the run.
  public var folder: String
  /// The number of steps from one checkpoint to the next; 0 writes one at the end alone.
  public var everySteps: Int
  /// How many of the newest checkpoints stay, beside the best one; nil keeps all.
  public var keep: Int?
  /// What makes the model again, as text of the caller's choice.
  public var modelConfiguration: String
  /// The tokeniser's JSON.
  public var tokenizer: String
  /// What the run was asked for, written as `run.json` with its first checkpoint; nothing if it is empty.
  public var settings: String

  /// Makes a plan.
  public init(
    folder: String, everySteps: Int = 0, keep: Int? = nil, modelConfiguration: String = "",
    tokenizer: String = "", settings: String = ""
  ) {
    (self.folder, self.everySteps, self.keep) = (folder, everySteps, keep)
    (self.modelConfiguration, self.tokenizer) = (modelConfiguration, tokenizer)
    self.settings = settings
  }

  /// Whether one is due after a step, of which the last one is left to the end of the run.
  func isDue(afterStep step: Int, of total: Int) -> Bool {
    everySteps > 0 && step % everySteps == 0 && step < total
  }
}
