/// When a run looks at its loss on the held-out data, and when that ends it.
public struct ValidationPlan: Hashable, Sendable {
  /// The number of steps from one look to the next; 0 looks where a checkpoint is written, and at the end.
  public var everySteps: Int
  /// After how many looks without a new lowest loss the run ends; nil makes all steps.
  public var patience: Int?

  /// Makes a plan; a run that goes on from a checkpoint counts its looks anew.
  public init(everySteps: Int = 0, patience: Int? = nil) {
    (self.everySteps, self.patience) = (everySteps, patience)
  }

  /// Throws ``TrainingError`` for a plan that makes no sense.
  func check(_ checkpoints: CheckpointPlan?) throws {
    guard everySteps >= 0, patience ?? 1 > 0 else {
      throw TrainingError(
        what: "a look every \(everySteps) steps, with a patience of \(patience ?? 0)",
        place: "ValidationPlan", fix: "use positive numbers")
    }
    guard patience == nil || everySteps > 0 || checkpoints?.everySteps ?? 0 > 0 else {
      throw TrainingError(
        what: "patience needs looks at the held-out data on the way", place: "ValidationPlan",
        fix: "say after how many steps, such as everySteps: 100 (--validate-every 100)")
    }
  }

  /// Whether a look is due after a step, of which the last one is left to the end of the run.
  func isDue(afterStep step: Int, of total: Int) -> Bool {
    everySteps > 0 && step % everySteps == 0 && step < total
  }
}

/// Counts looks at the held-out data that brought nothing new.
struct Patience {
  private let limit: Int?
  private var lowest = Double.infinity
  private var fruitlessCount = 0

  init(_ limit: Int?) { self.limit = limit }

  /// Takes a loss; returns whether it is time to stop.
  mutating func isOver(after loss: Double) -> Bool {
    fruitlessCount = loss < lowest ? 0 : fruitlessCount + 1
    lowest = min(lowest, loss)
    return limit.map { fruitlessCount >= $0 } ?? false
  }
}
