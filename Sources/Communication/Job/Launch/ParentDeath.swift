import Glibc

/// What Linux offers so that no process outlives the one that looks after it (prctl(2)).
///
/// Swift does not import functions with varying arguments; this one is found by its name.
enum ParentDeath {
  private typealias Control = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32

  /// Ends this process as soon as its parent has ended, also across execve(2).
  ///
  /// - Returns: false if the system cannot, or the parent, who should be `parent`, is gone already.
  static func endsThisProcess(parent: pid_t) -> Bool {
    control(option: 1, UInt(SIGKILL)) && getppid() == parent
  }

  /// Makes this process the parent of descendants whose own parents have ended, so that it can end them.
  @discardableResult
  static func adoptsOrphans() -> Bool { control(option: 36, 1) }

  private static func control(option: Int32, _ argument: UInt) -> Bool {
    guard let symbol = dlsym(nil, "prctl") else { return false }
    return unsafeBitCast(symbol, to: Control.self)(option, argument, 0, 0, 0) == 0
  }
}
