import DeepEPCommunication
import DeepEPStorage
import DeepEPTraining

/// Where a run writes, and from where it goes on: what its first rank has decided for all.
struct RunPlace {
  /// What the run goes on from; nil if it begins.
  let checkpoint: Checkpoint?
  /// A folder that is given; nil for a new one.
  private let folder: String?
  /// Whether the run takes the place of one that has lost ranks.
  private let isRestart: Bool

  /// Decides; collective over all ranks.
  ///
  /// - Parameters:
  ///   - out: The folder that a person wants.
  ///   - resume: From where the run shall go on.
  /// - Throws: ``StorageError`` if there is no such checkpoint, ``TrainingError`` if ranks want different things.
  init(out: String?, resume: CheckpointChoice?, in job: JoinedJob) throws {
    try RunAgreement([
      .init("the checkpoint to resume from", resume?.description ?? "none"),
      .init("the folder of the run", out ?? "a new one"),
    ]).check(job.control)
    isRestart = job.control.restart != nil
    let lost = job.control.restart?.checkpoint
    // What is none is said before options are looked for beside it.
    var own: Checkpoint?
    let path = try job.told("checkpoint") {
      own = try (lost ?? resume?.file()).map { try Checkpoint($0) }
      return own?.path
    }
    let checkpoint = try own ?? path.map { try Checkpoint($0) }
    self.checkpoint = checkpoint
    folder = try job.told("folder") { [isRestart] in
      out ?? Self.folder(goingOnFrom: checkpoint, isRestart: isRestart)
    }
  }

  /// The folder of the run that a checkpoint is of; nil if it belongs to none, or is not the last word of its run.
  private static func folder(goingOnFrom checkpoint: Checkpoint?, isRestart: Bool) -> String? {
    guard let checkpoint, let run = RunListing.run(ofCheckpoint: checkpoint.path) else {
      return nil
    }
    return isRestart || checkpoint.state.step == run.steps.last ? run.folder : nil
  }

  /// The file with the options of the run that goes on; nil if there is none.
  var settingsPath: String? {
    let run = checkpoint.flatMap { RunListing.run(ofCheckpoint: $0.path) }
    return run.flatMap { $0.hasSettings ? $0.settingsPath : nil }
  }

  /// The error that a run goes on whose options are not there; nil if it begins, or they are.
  var missingOptions: StorageError? {
    guard let checkpoint, settingsPath == nil else { return nil }
    return StorageError(
      "there is no \(RunListing.settingsName) with the options of the run beside the checkpoint",
      at: checkpoint.path,
      fix: "give its text and options again: "
        + "deepep train TEXT --model NAME ... --resume \(checkpoint.path)"
    )
  }

  /// How many steps the run that goes on has made; nil if none does, or if it takes the place of one that has lost ranks.
  var stepsMade: Int? { isRestart ? nil : checkpoint?.state.step }

  /// Looks whether the run can write where it wants to: before it begins, not when it has ended.
  ///
  /// - Throws: ``StorageError`` if not.
  func check() throws {
    guard let folder else { return try Folder.make(RunShelf.standard.path) }
    _ = try RunFolder(folder, goingOnFrom: isRestart ? nil : checkpoint?.state.step ?? 0)
  }

  /// The folder of the run, which is made if none is given; collective over all ranks.
  func folder(forData path: String, in job: JoinedJob) throws -> String {
    let made = try job.told("folder") {
      try folder ?? RunShelf.standard.makeRun(named: RunShelf.name(ofData: path))
    }
    return made ?? RunShelf.standard.path
  }

  /// How a person goes on with the run in a folder.
  static func advice(_ folder: String, rankCount: Int) -> String {
    let isFound = folder.hasPrefix("\(RunShelf.standard.path)/")
    let place = isFound ? "" : " \(folder)"
    let launch = rankCount > 1 ? "launch -n \(rankCount) -- " : ""
    return "deepep \(launch)train --resume\(place) | deepep generate\(place)"
  }
}
