import DeepEPStorage

/// Writes the checkpoints of a run into its folder, and keeps those that are wanted.
///
/// Every rank has one, and all of them write together; the files are the first rank's.
final class CheckpointWriter {
  let plan: CheckpointPlan
  /// The run's folder, held on the first rank alone.
  private let folder: RunFolder?
  private var bestLoss: Double?
  private var lastStep: Int?
  private var hasWrittenSettings = false

  private static var lossNote: String { "validation_loss" }

  /// Takes the folder.
  ///
  /// - Parameters:
  ///   - origin: What the run goes on from.
  ///   - step: How far the run is; nil if it takes the place of one that has lost ranks.
  ///   - isFirst: Whether this is the rank that writes files.
  /// - Throws: ``StorageError`` if another run has the folder.
  init(_ plan: CheckpointPlan, from origin: Checkpoint?, step: Int?, isFirst: Bool) throws {
    self.plan = plan
    folder = isFirst ? try RunFolder(plan.folder, goingOnFrom: step) : nil
    let listing = RunListing(of: plan.folder)
    if let origin, origin.file.path == listing.path(ofStep: origin.state.step) {
      lastStep = origin.state.step
    }
    bestLoss = listing.bestStep.flatMap { step in
      let best = try? Checkpoint(listing.path(ofStep: step))
      return best?.state.notes[Self.lossNote].flatMap(Double.init)
    }
  }

  /// Writes the state of a session, unless that was done; collective over all ranks.
  ///
  /// - Parameters:
  ///   - validationLoss: The loss on the held-out data, if it is known.
  ///   - onWritten: Called with the path as soon as the file is whole.
  /// - Returns: the path.
  @discardableResult
  func write(
    _ session: TrainingSession, validationLoss: Double?, onWritten: (String) -> Void
  ) throws -> String {
    let path = RunListing.path(ofStep: session.step, in: plan.folder)
    guard session.step != lastStep else { return path }
    let notes = validationLoss.map { [Self.lossNote: "\($0)"] } ?? [:]
    try writeSettings()
    try session.write(
      to: path, modelConfiguration: plan.modelConfiguration, tokenizer: plan.tokenizer,
      notes: notes)
    lastStep = session.step
    onWritten(path)
    if let validationLoss, validationLoss < bestLoss ?? .infinity {
      bestLoss = validationLoss
      try folder?.markBest(step: session.step)
    }
    if let keep = plan.keep { folder?.keep(newest: keep) }
    return path
  }

  /// Writes the options of the run, once: those of a run that fails before there is anything to save are not kept.
  private func writeSettings() throws {
    guard !hasWrittenSettings, !plan.settings.isEmpty else { return }
    try folder?.write(settings: plan.settings)
    hasWrittenSettings = true
  }
}
