import Glibc

/// The folder of a run as long as the run goes on: no other run writes there meanwhile.
///
/// It holds a lock (flock(2)) on the folder, which the system lets go of when the process ends, however that is.
package final class RunFolder {
  /// Where it is.
  package let path: String
  private let folder: FileDescriptor
  private var hasSettings = false

  /// Takes the folder of a run, which is made if it is missing.
  ///
  /// - Parameter step: from which step the run goes on. Checkpoints of later steps, or any if it is 0, belong to
  ///   another run; nil for a run that may replace them.
  /// - Throws: ``StorageError`` if another run has the folder, or something of another run is in it.
  package init(_ path: String, goingOnFrom step: Int?) throws {
    try Folder.make(path)
    self.path = path
    folder = try FileDescriptor(
      opening: path, flags: O_RDONLY | O_DIRECTORY, action: "use the folder")
    // Where folders cannot be locked, nobody can have a lock either.
    guard folder.lock(waiting: false) || errno != EWOULDBLOCK else {
      throw StorageError(
        "another run is writing here", at: "folder \(path)",
        fix: "wait until it has ended, or choose another folder")
    }
    if let step { try checkIsFree(step) }
    StalePartialFiles.remove(in: path, prefix: RunListing.partialPrefix)
  }

  private func checkIsFree(_ step: Int) throws {
    guard let last = listing.steps.last, last > step || step == 0 else { return }
    throw StorageError(
      "another run has been here: there is a checkpoint of step \(last)", at: "folder \(path)",
      fix:
        "go on with it (--resume \(path); in Swift resume(from: \"\(listing.path(ofStep: last))\")), "
        + "or choose another folder")
  }

  /// What is in it.
  package var listing: RunListing { RunListing(of: path) }

  /// Writes the options of the run beside its checkpoints.
  package func write(settings: String) throws {
    try AtomicFile.write(listing.settingsPath, text: settings)
    hasSettings = true
  }

  /// Makes the checkpoint of a step the best one.
  package func markBest(step: Int) throws {
    let (link, aside) = ("\(path)/\(RunListing.bestName)", "\(path)/.\(RunListing.bestName)")
    unlink(aside)
    guard symlink(Folder.lastName(of: listing.path(ofStep: step)), aside) == 0,
      rename(aside, link) == 0
    else { throw SystemError().error("mark the best checkpoint", at: link) }
  }

  /// Removes all checkpoints but the newest `count` and the best one.
  package func keep(newest count: Int) {
    let listing = listing
    let best = listing.bestStep
    for step in listing.steps.dropLast(max(1, count)) where step != best {
      unlink(listing.path(ofStep: step))
    }
  }

  deinit { removeIfUnused() }

  /// A run that has saved nothing leaves nothing behind.
  private func removeIfUnused() {
    guard listing.steps.isEmpty else { return }
    if hasSettings { unlink(listing.settingsPath) }
    // It stays if anything else is there.
    rmdir(path)
  }
}
