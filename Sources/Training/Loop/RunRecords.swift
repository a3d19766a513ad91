/// The files that a run writes about itself, beside its checkpoints.
public struct RunRecords: Hashable, Sendable {
  /// A file that gets a line of JSON for each step: its number, the loss, the seconds since the run began, speed,
  /// memory, and the statistics of tapped values.
  ///
  /// A run that goes on from a checkpoint keeps the lines up to its step, and adds to them.
  public var metrics: String?
  /// A folder that gets the losses, the speed and tapped values for TensorBoard.
  public var tensorboard: String?
  /// A file for what all ranks did in the last steps: a trace that Perfetto and chrome://tracing open if its name ends
  /// in `.json`, a picture of the last step if it ends in `.svg`.
  public var trace: String?
  /// A picture of the losses, as SVG.
  public var curve: String?

  /// Names the files; what is nil is not written.
  public init(
    metrics: String? = nil, tensorboard: String? = nil, trace: String? = nil, curve: String? = nil
  ) {
    (self.metrics, self.tensorboard) = (metrics, tensorboard)
    (self.trace, self.curve) = (trace, curve)
  }
}
