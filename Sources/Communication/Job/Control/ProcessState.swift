import DeepEPEvents

/// What a process that is not heard is doing, as its host's kernel says.
enum ProcessState: Hashable, Sendable {
  case stopped, gone
  case alive(Character)

  /// Looks at a member's process; nil unless it runs on this host.
  init?(_ member: Membership.Member) {
    guard member.hostIdentifier == HostIdentity.current.identifier else { return nil }
    self.init(processIdentifier: member.processIdentifier)
  }

  init(processIdentifier: Int32) { self.init(file: "/proc/\(processIdentifier)/stat") }

  /// Looks at a thread of this process.
  init(thread: Int32) { self.init(file: "/proc/self/task/\(thread)/stat") }

  private init(file: String) {
    let text = ProcFile.text(file)
    // The name before the state may contain anything, parentheses too (proc(5)).
    guard let end = text.lastIndex(of: ")") else {
      self = .gone
      return
    }
    switch text[end...].dropFirst(2).first {
    case "T", "t": self = .stopped
    case "Z", "X", nil: self = .gone
    case .some(let letter): self = .alive(letter)
    }
  }

  /// For people.
  var text: String {
    switch self {
    case .stopped: "its process is stopped"
    case .gone: "its process is gone"
    case .alive(let letter): "its process is in state \(letter), and does not answer"
    }
  }
}
