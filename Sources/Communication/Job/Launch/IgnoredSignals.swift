import Glibc

/// The signals that this process ignores, as whoever started it wants it to: nohup(1) does so with SIGHUP.
package enum IgnoredSignals {
  /// Whether a signal is one of them.
  package static func contains(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
  }
}
