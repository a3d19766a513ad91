import FoundationEssentials
import Glibc

/// Starts a process with its standard streams where they are wanted.
///
/// Signals are as a new process expects them, whatever this one ignores or blocks.
struct ChildProcess {
  /// A program and what it is started with.
  struct Command {
    /// The path of the program, or its name, to be found in PATH.
    var words: [String]
    /// "NAME=value".
    var environment: [String]
    /// Whether it leads a group of processes of its own, which can be ended as one.
    var leadsGroup = false
  }

  /// The number of the process.
  let identifier: pid_t

  /// Starts it.
  ///
  /// - Parameters:
  ///   - input: what becomes its standard input, or nil for none.
  ///   - output: what becomes its standard output.
  ///   - errors: what becomes its standard error.
  /// - Throws: ``CommunicationError`` with the system's reason.
  init(_ command: Command, input: Int32?, output: Int32, errors: Int32) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    } else {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
    var attributes = Self.attributes(leadsGroup: command.leadsGroup)
    defer { posix_spawnattr_destroy(&attributes) }
    var process: pid_t = 0
    let status = Self.withPointers(command.words) { words in
      Self.withPointers(command.environment) { variables in
        words[0].map { posix_spawnp(&process, $0, &actions, &attributes, words, variables) }
          ?? EINVAL
      }
    }
    guard status == 0 else {
      throw CommunicationError(
        "cannot start '\(command.words.first ?? "")': \(String(cString: strerror(status)))",
        at: "this host", fix: "name a program that this user may run")
    }
    identifier = process
  }

  private static func attributes(leadsGroup: Bool) -> posix_spawnattr_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags =
      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (leadsGroup ? POSIX_SPAWN_SETPGROUP : 0)
    posix_spawnattr_setflags(&attributes, Int16(flags))
    return attributes
  }

  /// The texts as C has them, with nil at the end.
  private static func withPointers<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let pointers = texts.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
  }

  /// The path of the running program.
  static var ownPath: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "deepep"
  }

  /// The variables of this process, without some names.
  static func environment(without names: Set<String> = []) -> [String] {
    ProcessInfo.processInfo.environment.filter { !names.contains($0.key) }
      .map { "\($0.key)=\($0.value)" }
  }
}
