import Glibc

/// Calls of Linux that Swift does not import, found by their names.
struct LinuxCalls: Sendable {
  private typealias SystemCall =
    @convention(c) @Sendable (Int, Int, Int, Int, Int, Int, Int) -> Int
  private typealias CreateFile = @convention(c) @Sendable (UnsafePointer<CChar>, UInt32) -> Int32

  private let systemCall: SystemCall
  private let createFile: CreateFile

  /// Finds the calls.
  ///
  /// - Throws: ``CommunicationError`` if this system lacks one.
  init() throws {
    guard let systemCall = dlsym(nil, "syscall"), let createFile = dlsym(nil, "memfd_create") else {
      throw CommunicationError(
        "the C library has no memfd_create or syscall", at: "shared memory",
        fix: "use glibc 2.27 or newer, or another communication")
    }
    self.systemCall = unsafeBitCast(systemCall, to: SystemCall.self)
    self.createFile = unsafeBitCast(createFile, to: CreateFile.self)
  }

  /// A file in memory without a name, which goes with the last process that has it: memfd_create(2).
  ///
  /// - Returns: its descriptor, which programs that this process starts do not get; negative if there is none.
  func anonymousFile(_ name: String) -> Int32 { createFile(name, 1) }

  /// Sleeps while a word of memory that processes share has a value: futex(2).
  func sleep(on word: UnsafeRawPointer, while value: UInt32, atMostNanoseconds limit: Int) {
    var time = timespec(tv_sec: limit / 1_000_000_000, tv_nsec: limit % 1_000_000_000)
    withUnsafePointer(to: &time) { time in
      _ = systemCall(
        Self.futex, Int(bitPattern: word), 0, Int(value), Int(bitPattern: time), 0, 0)
    }
  }

  /// Wakes all who sleep on a word.
  func wake(on word: UnsafeRawPointer) {
    _ = systemCall(Self.futex, Int(bitPattern: word), 1, Int(Int32.max), 0, 0, 0)
  }

  /// Lets the calling thread run soon after it wakes, and for a short time, beside threads that compute.
  ///
  /// It asks for turns of 0.1 ms, which the scheduler gives before longer ones: sched_setattr(2). Linux before 6.12
  /// knows one length of turns.
  func takeShortTurns() {
    guard sched_getscheduler(0) == SCHED_OTHER else { return }
    // struct sched_attr: its size, the usual policy, no flags, the nice value, no priority, the nanoseconds of a turn.
    let nice = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
    let attributes: [UInt32] = [48, 0, 0, 0, UInt32(bitPattern: nice), 0, 100_000, 0, 0, 0, 0, 0]
    attributes.withUnsafeBytes { bytes in
      _ = systemCall(Self.setScheduling, 0, Int(bitPattern: bytes.baseAddress), 0, 0, 0, 0)
    }
  }

  /// The number of the call sched_setattr.
  private static var setScheduling: Int {
    #if arch(x86_64)
      314
    #else
      274
    #endif
  }

  /// The number of the call futex.
  static var futex: Int {
    #if arch(x86_64)
      202
    #else
      98
    #endif
  }
}
