import DeepEPProfiling
import DeepEPStorage

/// A file for what ranks did in the last steps of a run.
struct TimelineFile {
  private enum Format {
    case trace, picture
  }

  /// Where it is.
  let path: String
  private let format: Format

  /// - Throws: ``TrainingError`` unless the name says what is wanted.
  init(_ path: String) throws {
    self.path = path
    switch path.split(separator: ".").last {
    case "json": format = .trace
    case "svg": format = .picture
    default:
      throw TrainingError(
        what: "'\(path)' does not say what is to be written", place: "trace",
        fix: "end its name in .json for Perfetto and chrome://tracing, or in .svg for a picture")
    }
  }

  /// Writes the file.
  ///
  /// - Throws: ``StorageError`` if it cannot be written.
  func write(_ ranks: [RankTimeline]) throws {
    switch format {
    case .trace: try AtomicFile.write(path, text: TraceText(ranks).text)
    case .picture: try AtomicFile.write(path, text: TimelinePicture(ranks).text)
    }
  }
}
