import Glibc

/// What lies in the folder of a run: its checkpoints `step-N`, and which of them is the best.
///
/// Only names are read; a run that is under way may add to them at any time.
package struct RunListing {
  /// The folder.
  package let folder: String
  /// The steps of which there is a checkpoint, ascending.
  package let steps: [Int]

  /// The name by which the best checkpoint is found.
  package static let bestName = "best"
  /// The name of the file that says with which options the run was started.
  package static let settingsName = "run.json"
  private static let prefix = "step-"
  /// How the names of files begin that a checkpoint is written to before it is whole.
  static let partialPrefix = ".\(prefix)"

  /// Lists a folder; one that is not there has nothing.
  package init(of folder: String) {
    self.folder = folder
    steps = Folder.names(in: folder).compactMap(Self.step).sorted()
  }

  /// The step that a file of a run is named after; nil if it is no checkpoint's name.
  static func step(ofName name: String) -> Int? {
    guard name.hasPrefix(prefix), let step = Int(name.dropFirst(prefix.count)), step >= 0,
      name == "\(prefix)\(step)"
    else { return nil }
    return step
  }

  /// Where the checkpoint of a step is.
  package func path(ofStep step: Int) -> String { Self.path(ofStep: step, in: folder) }

  /// Where the checkpoint of a step is in the folder of a run.
  package static func path(ofStep step: Int, in folder: String) -> String {
    "\(folder)/\(prefix)\(step)"
  }

  /// The file with the options of the run.
  package var settingsPath: String { "\(folder)/\(Self.settingsName)" }

  /// Whether that file is there.
  package var hasSettings: Bool { access(settingsPath, R_OK) == 0 }

  /// The step of the best checkpoint; nil if none is marked.
  package var bestStep: Int? {
    guard let resolved = realpath("\(folder)/\(Self.bestName)", nil) else { return nil }
    defer { free(resolved) }
    return Self.step(ofName: Folder.lastName(of: String(cString: resolved)))
  }

  /// The newest checkpoint that can be opened; nil if there is none.
  ///
  /// One that is damaged is passed over, since the one before is still good.
  ///
  /// - Parameter notice: told why one was passed over.
  package func newestWhole(notice: (any Error) -> Void = { _ in }) -> String? {
    for step in steps.reversed() {
      do { return try Checkpoint(path(ofStep: step)).file.path } catch { notice(error) }
    }
    return nil
  }

  /// When the newest checkpoint was written, in seconds since 1970; nil if there is none.
  var changedSeconds: Double? {
    var status = stat()
    guard let step = steps.last, stat(path(ofStep: step), &status) == 0 else { return nil }
    return Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
  }

  /// The run that a checkpoint belongs to, by the checkpoint's name; nil if it stands alone.
  package static func run(ofCheckpoint path: String) -> RunListing? {
    let real = realpath(path, nil)
    defer { free(real) }
    let name = Folder.lastName(of: real.map { String(cString: $0) } ?? path)
    guard step(ofName: name) != nil else { return nil }
    return RunListing(of: Folder.parent(of: path))
  }
}
