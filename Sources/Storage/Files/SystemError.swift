import Glibc

/// The operating system's reason for a failed call, and what a person can do about it.
struct SystemError {
  let number: Int32

  /// Takes the reason of the call that has just failed.
  init() { number = errno }

  var reason: String { String(cString: strerror(number)) }

  var fix: String {
    switch number {
    case ENOENT: "check the spelling, and that the folder exists"
    case EACCES, EPERM, EROFS: "choose a place that you may write to, or change its permissions"
    case ENOTDIR: "a part of the path is a file, not a folder: choose another path"
    case ENOSPC, EDQUOT: "free some space, or choose a place on another disk"
    case EFBIG: "raise `ulimit -f`, or choose a place on another disk"
    case EISDIR, EEXIST, ENOTEMPTY: "this is a folder: name a file"
    case EMFILE, ENFILE: "too many files are open: close some, or raise `ulimit -n`"
    default: "check the disk and the path"
    }
  }

  /// The error "cannot do `action`: reason".
  func error(_ action: String, at place: String) -> StorageError {
    StorageError("cannot \(action): \(reason)", at: place, fix: fix)
  }
}
