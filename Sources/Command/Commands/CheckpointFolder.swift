import DeepEPStorage
import Glibc

/// The folder into which a checkpoint will be written: tried before training, not after it.
struct CheckpointFolder {
  private let path: String

  /// The folder of a file.
  init(of file: String) {
    let parts = file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let folder = parts.joined(separator: "/")
    path = folder.isEmpty ? (file.hasPrefix("/") ? "/" : ".") : folder
  }

  /// Makes the folder if it is missing, and checks that a file can be made in it.
  ///
  /// - Throws: ``StorageError`` if not.
  func prepare() throws {
    makeParents()
    let probe = "\(path)/.deepep-\(getpid())"
    let descriptor = open(probe, O_CREAT | O_EXCL | O_WRONLY, 0o600)
    guard descriptor >= 0 else {
      throw StorageError(
        "no file can be made: \(String(cString: strerror(errno)))", at: "folder \(path)",
        fix: "choose another place with --out, or make the folder writable")
    }
    close(descriptor)
    unlink(probe)
  }

  private func makeParents() {
    var folder = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      folder += part + "/"
      mkdir(folder, 0o777)
    }
  }
}
