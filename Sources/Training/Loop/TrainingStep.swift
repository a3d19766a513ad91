/// What a callback is told about a step that was made.
public struct TrainingStep: Hashable, Sendable {
  /// The number of updates made.
  public var step: Int
  /// The number of updates of the whole run.
  public var stepCount: Int
  /// The loss before the update, over all ranks.
  public var loss: Double
  /// The loss on the held-out data, if that was looked at after this step.
  public var validationLoss: Double?
  /// The learning rate of the update.
  public var learningRate: Double
  /// The norm of all gradients before it was clipped; nil if the trainer does not clip.
  public var gradientNorm: Double?
  /// The statistics of tapped values, if the trainer records them.
  public var taps: [TapReport]
}
