/// How a call of `fit` has ended.
public enum TrainingEnd: Hashable, Sendable {
  /// All steps were made.
  case finished
  /// The loss on the held-out data has not fallen for as long as ``ValidationPlan/patience`` says.
  case stoppedEarly
  /// It was asked to stop before, and has written a checkpoint if it had a plan for them.
  case stopped(StopRequest.Reason)
}
