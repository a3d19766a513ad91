import DeepEPCommunication
import DeepEPTraining
import Glibc

/// What the executable does around its commands: signals, errors, the exit status.
package enum EntryPoint {
  /// Runs `body` and returns the exit status.
  ///
  /// An error is printed as `error: what (where)`, with the fix on the next line. The status is 0,
  /// 2 for a command line that cannot be understood, 1 for any other error, and 141, silently, as
  /// of a process that SIGPIPE ended, when the reader of the output went away. A launched job's status is its own, and
  /// a run that was stopped before its end has 75.
  package static func run(_ body: () throws -> Void) -> Int32 {
    // Without this a vanished reader would end the process in the middle of writing a file.
    signal(SIGPIPE, SIG_IGN)
    // A limit on the size of files is an error that says so.
    signal(SIGXFSZ, SIG_IGN)
    do {
      try body()
      return 0
    } catch OutputError.readerGone {
      return 128 + SIGPIPE
    } catch let end as EndStatus {
      return end.status
    } catch {
      try? TerminalOutput.error.write(message(for: error))
      return error is UsageError ? 2 : 1
    }
  }

  /// What is printed about an error.
  package static func message(for error: any Error) -> String { "error: \(error)\n" }
}

/// The end of a command about which all has been said: only the status remains.
package struct EndStatus: Error, Equatable, Sendable {
  /// The exit status.
  package let status: Int32

  /// That of a run which was stopped, and goes on another time.
  static let stopped = EndStatus(status: ExitStatus.stopped.shellStatus)
}
