import Glibc

/// Why text could not be written.
package enum OutputError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Somebody stopped reading, as `head` does after its last line.
  case readerGone
  /// The system's reason, such as a full disk.
  case failed(reason: String)

  /// The reason and what would fix it.
  package var description: String {
    switch self {
    case .readerGone: "nobody reads the output any more"
    case .failed(let reason):
      "cannot write the output: \(reason) (standard output)\n  check where the output goes"
    }
  }
}

/// A stream that text is written to, each piece by a single write(2).
package struct TerminalOutput: Sendable {
  private let descriptor: Int32
  private var readerIsGone: (@Sendable () throws -> Void)?

  /// Writes to an open file descriptor, which stays open.
  package init(descriptor: Int32) { self.descriptor = descriptor }

  /// The standard output.
  package static var standard: TerminalOutput { TerminalOutput(descriptor: STDOUT_FILENO) }
  /// The standard error.
  package static var error: TerminalOutput { TerminalOutput(descriptor: STDERR_FILENO) }

  /// The same output, for which a vanished reader is no error unless `body` throws one.
  package func whenReaderIsGone(_ body: @escaping @Sendable () throws -> Void) -> TerminalOutput {
    var output = self
    output.readerIsGone = body
    return output
  }

  /// Whether this is a terminal that can move its cursor.
  package var isTerminal: Bool {
    guard isatty(descriptor) == 1 else { return false }
    return getenv("TERM").map { strcmp($0, "dumb") != 0 } ?? false
  }

  /// The columns of the terminal; 80 if it does not say.
  package var width: Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes `text` in one write(2), or as few as the system permits.
  ///
  /// Throws ``OutputError``.
  package func write(_ text: String) throws {
    do {
      try writeAll(text)
    } catch OutputError.readerGone {
      guard let readerIsGone else { throw OutputError.readerGone }
      try readerIsGone()
    }
  }

  private func writeAll(_ text: String) throws {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 { bytes = bytes.dropFirst(count) } else { try handleError(errno) }
    }
  }

  /// Whether this is no file: of a terminal that was closed the system says that it has an error.
  private var isDevice: Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
  }

  /// Returns when writing may be tried again.
  private func handleError(_ number: Int32) throws {
    switch number {
    case EINTR: return
    case EAGAIN:
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&waiting, 1, -1)
    case EPIPE: throw OutputError.readerGone
    case EIO where isDevice: throw OutputError.readerGone
    default: throw OutputError.failed(reason: String(cString: strerror(number)))
    }
  }
}
