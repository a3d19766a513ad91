import DeepEPEvents
import FoundationEssentials
import Glibc
import Synchronization

/// A thread that sees at once when a child of this process ends.
final class Reaper: Sendable {
  private let exits = Mutex<[(process: pid_t, status: Int32)]>([])

  /// Begins to look; to be called when there are children.
  ///
  /// It ends with the last one.
  func start(_ waker: Waker) {
    _ = try? RankThread { [self] in
      while true {
        var status: Int32 = 0
        let process = waitpid(-1, &status, 0)
        if process < 0, errno == EINTR { continue }
        guard process > 0 else { return }
        exits.withLock { $0.append((process, status)) }
        waker.wake()
      }
    }
  }

  /// The processes that have ended since this was asked last, with the status of wait(2).
  func takeExits() -> [(process: pid_t, status: Int32)] {
    exits.withLock { exits in
      defer { exits = [] }
      return exits
    }
  }
}

/// The children of this process, among them what they have left behind if it adopts that.
enum ChildList {
  /// Kills them, and those that become its children when their own parents die, until there are none; a
  /// process that the kernel does not let go is not waited for for long.
  static func endAll() {
    let end = Clock.seconds + 2
    while true {
      let children = current
      for child in children { kill(child, SIGKILL) }
      var status: Int32 = 0
      // Elsewhere a thread may take them as well.
      while waitpid(-1, &status, Int32(WNOHANG)) > 0 {}
      guard !children.isEmpty, Clock.seconds < end else { return }
      usleep(2000)
    }
  }

  /// Their numbers; empty where the kernel keeps no list (CONFIG_PROC_CHILDREN).
  static var current: [pid_t] {
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return threads.flatMap { thread in
      let text = ProcFile.text("/proc/self/task/\(thread)/children")
      return text.split { $0.isWhitespace }.compactMap { pid_t($0) }
    }
  }
}
