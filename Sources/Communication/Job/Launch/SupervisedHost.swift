import DeepEPEvents
import Glibc

/// The launcher's side of the supervisor of a host: a process here, or one that an agent such as ssh has
/// started there.
final class SupervisedHost {
  /// The name of the host; nil is this one.
  let name: String?
  let ranks: Range<Int>
  /// The end of the pipe that the supervisor writes; nil when it has ended.
  private(set) var stream: PipeEnd?
  /// Closed, it makes the supervisor end its ranks.
  private var messages: PipeEnd?
  private let process: ChildProcess
  private var input = FrameBuffer(limit: SupervisorMessage.frameBytes)
  private var output = PendingOutput()
  /// When something came from it.
  private(set) var heardSeconds = Clock.seconds

  /// Starts the supervisor.
  ///
  /// - Parameter words: the command that becomes or reaches the supervisor.
  init(
    _ place: LaunchPlan.Place, words: [String], setup: SupervisorMessage.Setup
  ) throws {
    (name, ranks) = (place.host, place.ranks)
    let (down, up) = (try PipeEnd.pair(), try PipeEnd.pair())
    process = try ChildProcess(
      .init(words: words, environment: ChildProcess.environment()),
      input: down.reading.blocks().descriptor, output: up.writing.blocks().descriptor,
      errors: STDERR_FILENO)
    (stream, messages) = (up.reading, down.writing)
    send(.setup(setup))
  }

  /// How messages name it.
  var title: String { name.map { "host \($0)" } ?? "this host" }

  func send(_ message: SupervisorMessage) {
    output.append(message.frame)
    flush()
  }

  /// Writes what the supervisor has room for.
  func flush() {
    guard let messages else { return }
    if !output.flush(to: messages) { self.messages = nil }
  }

  /// Takes what the supervisor has said.
  ///
  /// - Returns: how the supervisor itself has ended, if it has.
  /// - Throws: ``FrameError`` if it says what no supervisor says.
  func receive(_ body: (SupervisorMessage) -> Void) throws -> ExitStatus? {
    guard let stream else { return nil }
    for _ in 0..<16 {
      switch stream.read(64 << 10) {
      case .wait: return nil
      case .closed: return end()
      case .bytes(let bytes):
        heardSeconds = Clock.seconds
        bytes.withUnsafeBytes { input.append($0) }
        while let frame = try input.next() { body(try SupervisorMessage(frame)) }
      }
    }
    return nil
  }

  /// Ends the supervisor and what it has started.
  func abandon() -> ExitStatus {
    kill(process.identifier, SIGKILL)
    return end()
  }

  private func end() -> ExitStatus {
    (stream, messages) = (nil, nil)
    var status: Int32 = 0
    // Whoever closes its output has nothing more to say, but an agent may hang for all that.
    let end = Clock.seconds + 3
    while waitpid(process.identifier, &status, Int32(WNOHANG)) == 0 {
      if Clock.seconds > end { kill(process.identifier, SIGKILL) }
      usleep(1000)
    }
    return ExitStatus(waitStatus: status)
  }
}
