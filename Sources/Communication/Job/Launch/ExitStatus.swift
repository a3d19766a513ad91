import Glibc

/// How a process ended.
package enum ExitStatus: Hashable, Sendable {
  /// It returned a status, 0 if all went well.
  case code(Int32)
  /// A signal ended it.
  case signal(Int32)

  /// The status as wait(2) gives it.
  init(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    self = signal == 0 ? .code(waitStatus >> 8 & 0xff) : .signal(signal)
  }

  /// That of a program which was asked to stop, and can go on another time: EX_TEMPFAIL of sysexits.h.
  package static let stopped = ExitStatus.code(75)

  /// Whether it ended in good order: all was done, or what is left is for another time.
  package var isOrderly: Bool { self == .code(0) || self == .stopped }

  /// The status as shells give it: that of a signal is 128 more than its number.
  package var shellStatus: Int32 {
    switch self {
    case .code(let code): code
    case .signal(let signal): 128 + signal
    }
  }

  /// For people: "was killed by signal 9 (Killed)".
  package var text: String {
    switch self {
    case .code(0): "ended"
    case .stopped: "stopped, to go on another time"
    case .code(let code): "ended with status \(code)"
    case .signal(let signal):
      "was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
    }
  }
}
