import Glibc

/// A program that trains: mark a conforming type with `@main`.
///
/// An error that leaves ``run()`` is printed on standard error, and the process ends with status 1.
public protocol TrainingProgram {
  /// Makes the program; called once.
  init()

  /// What the program does.
  func run() throws
}

extension TrainingProgram {
  /// Runs the program.
  public static func main() {
    signal(SIGPIPE, SIG_IGN)
    do {
      try Self().run()
    } catch OutputError.readerGone {
      exit(128 + SIGPIPE)
    } catch {
      try? TerminalOutput.error.write("error: \(error)\n")
      exit(1)
    }
  }
}
