import DeepEPEvents
import FoundationEssentials
import Glibc

/// The threads of this process, as its kernel sees them (proc(5)).
///
/// A thread that communicates may wait for another one of its process by means of its own: for its end, or for
/// a condition. It goes on if the other one does. The kernel knows that a thread sleeps until somebody of its process
/// wakes it; if all do but those that wait for other ranks, none of them can go on.
struct ProcessThreads: Sendable {
  /// Marks the calling thread as one that nobody waits for and that waits for nobody: it serves the job.
  static func markService() { markService("thread-self") }

  /// Marks threads of a name that a library starts meanwhile for its own service.
  static func markServices<Result>(
    named name: String, startedBy body: () throws -> Result
  ) rethrows -> Result {
    let before = Set(all)
    defer {
      for thread in all where !before.contains(thread) && text(thread, "comm") == name + "\n" {
        markService("self/task/\(thread)")
      }
    }
    return try body()
  }

  private static func markService(_ thread: String) {
    guard let file = fopen("/proc/\(thread)/comm", "w") else { return }
    fputs(serviceName, file)
    fclose(file)
  }

  /// Lets the calling thread run as soon as it has something to do, where this process may ask for that.
  ///
  /// Others take a thread that does not say that it lives for one that was stopped. With groups of threads Linux 6.18
  /// has left all others of a machine without a processor for 2.5 s, as long as new ones computed (seen with MPI_Init,
  /// which polls); threads of a real-time class still ran. Root may ask for it, and whom RLIMIT_RTPRIO allows it:
  /// sched(7).
  static func runAtOnce() {
    // The lowest priority of the class. Threads that this one starts do not get it.
    let (firstInFirstOut, resetOnFork) = (Int32(SCHED_FIFO), Int32(0x4000_0000))
    var priority = sched_param(sched_priority: sched_get_priority_min(firstInFirstOut))
    _ = sched_setscheduler(0, firstInFirstOut | resetOnFork, &priority)
  }

  /// What such threads are called, and those that they start.
  static var serviceName: String { "deepep-service" }

  /// The number of the calling thread; zero if the system does not say.
  static var own: Int32 {
    guard let symbol = dlsym(nil, "gettid") else { return 0 }
    return unsafeBitCast(symbol, to: (@convention(c) () -> Int32).self)()
  }

  /// How often the threads of this process were woken, if only some others and those that serve can wake them.
  ///
  /// - Parameters:
  ///   - likely: threads of which one goes on, if any does.
  ///   - waiting: threads that wait for other ranks, or for others of this process.
  /// - Returns: nil if a thread may go on by itself, and as long as they come and go.
  static func wakeCount(likely: [Int32], waiting: Set<Int32>) -> UInt64? {
    var count: UInt64 = 0
    for thread in likely {
      guard let more = wakeCount(of: thread) else { return nil }
      count &+= more
    }
    for thread in all where !waiting.contains(thread) && !likely.contains(thread) {
      if isService(thread) { continue }
      guard let more = wakeCount(of: thread) else { return nil }
      count &+= more
    }
    return count
  }

  /// Whether a thread works for which nobody has said what it does: it may communicate when it is done.
  static func works(besides waiting: Set<Int32>) -> Bool {
    all.contains { thread in
      guard !waiting.contains(thread) else { return false }
      // On a processor or ready for one, and reading from a disk.
      return ["R", "D"].contains { ProcessState(thread: thread) == .alive($0) }
        && !isService(thread)
    }
  }

  private static var all: [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return names.compactMap { Int32($0) }
  }

  private static func isService(_ thread: Int32) -> Bool {
    thread == own || text(thread, "comm").hasPrefix(serviceName)
  }

  /// How often a thread was woken that sleeps until another one of its process wakes it; nil if it does not.
  private static func wakeCount(of thread: Int32) -> UInt64? {
    // Between two looks at it, it did nothing else.
    guard sleepsForProcess(thread), let count = switchCount(thread), sleepsForProcess(thread),
      switchCount(thread) == count
    else { return nil }
    return count
  }

  private static func switchCount(_ thread: Int32) -> UInt64? {
    let name = "voluntary_ctxt_switches:"
    let lines = text(thread, "status").split(separator: "\n")
    return lines.first { $0.hasPrefix(name) }.flatMap {
      UInt64($0.dropFirst(name.count).drop { $0 == "\t" || $0 == " " })
    }
  }

  /// Whether a thread is in futex(2) without a limit of time, on a word that only its process sees.
  private static func sleepsForProcess(_ thread: Int32) -> Bool {
    // The call, its six arguments, the stack and the place; "running" for a thread that is in no call.
    let words = text(thread, "syscall").split(separator: " ").map { word in
      word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
    }
    guard words.count == 9, words[0] == UInt64(LinuxCalls.futex), let address = words[1],
      let operation = words[2], words[4] == 0
    else { return false }
    let (isPrivate, command) = (operation & 128 != 0, operation & 127)
    // Waiting for a value, for a lock that knows its owner, and for one of several bits.
    return [0, 6, 9].contains(command) && (isPrivate || isOwnMemory(address))
  }

  /// Whether memory is not shared with other processes: the end of a thread is waited for on a word of its stack.
  private static func isOwnMemory(_ address: UInt64) -> Bool {
    for line in ProcFile.text("/proc/self/maps").split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 2)
      let ends = parts[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      guard ends.count == 2, parts.count > 1, (ends[0]..<ends[1]).contains(address) else {
        continue
      }
      return parts[1].hasSuffix("p")
    }
    return false
  }

  private static func text(_ thread: Int32, _ file: String) -> String {
    ProcFile.text("/proc/self/task/\(thread)/\(file)")
  }
}
