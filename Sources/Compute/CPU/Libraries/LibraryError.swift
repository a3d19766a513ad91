/// Why a shared library that computing needs cannot be used.
public struct LibraryError: Error, Hashable, CustomStringConvertible {
  /// The library.
  public let library: String
  /// What the loader said.
  public let reason: String
  /// What would fix it.
  public var fix: String { "run make setup, which installs it" }

  /// All of it in one line.
  public var description: String { "\(library): \(reason): \(fix)" }

  /// Opens a library by a function that fills in a message where it fails.
  static func opening<Handle>(
    _ library: String, _ open: (UnsafeMutablePointer<CChar>, Int) -> Handle?
  ) throws -> Handle {
    let message = MessageBuffer()
    guard let handle = open(message.start, message.byteCount) else {
      throw LibraryError(library: library, reason: message.text)
    }
    return handle
  }
}

/// Memory into which a C function writes what went wrong.
final class MessageBuffer {
  let byteCount = 512
  let start: UnsafeMutablePointer<CChar>

  init() {
    start = .allocate(capacity: byteCount)
    start.initialize(repeating: 0, count: byteCount)
  }

  deinit { start.deallocate() }

  var text: String { String(cString: start) }
}
