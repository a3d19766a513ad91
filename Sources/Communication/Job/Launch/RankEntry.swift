import Glibc

/// What `deepep launch-rank PARENT COMMAND...` does: it becomes the command of a rank, which ends with its supervisor.
package enum RankEntry {
  /// Runs the command in place of this process.
  ///
  /// - Parameter arguments: the number of the supervisor's process, then the words of the command.
  /// - Returns: only if that fails: the exit status.
  package static func run(_ arguments: [String]) -> Int32 {
    guard arguments.count > 1, let parent = pid_t(arguments[0]) else { return usage }
    // Its supervisor died in the meantime: nobody wants this rank any more.
    guard ParentDeath.endsThisProcess(parent: parent) else { return 128 + SIGKILL }
    let words = arguments.dropFirst().map { strdup($0) }
    guard let program = words[0] else { return usage }
    execvp(program, words + [nil])
    let number = errno
    let reason = String(cString: strerror(number))
    let text = "deepep launch: cannot run '\(arguments[1])': \(reason)\n"
    _ = text.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
    // As shells have it (POSIX, 2.8.2).
    return number == ENOENT ? 127 : 126
  }

  private static var usage: Int32 { 2 }
}
