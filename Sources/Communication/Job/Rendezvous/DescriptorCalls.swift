import Glibc

/// Calls of Linux that make descriptors which no program inherits, whatever another thread starts meanwhile.
///
/// Swift does not import them; they are found by their names. Where there is none, the flag is set a moment later.
enum DescriptorCalls {
  private typealias Accept =
    @convention(c) (Int32, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int32) -> Int32
  private typealias MakePipe = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32

  /// Takes a connection that waits at a socket (accept4(2)); negative if none does.
  static func accept(_ descriptor: Int32) -> Int32 {
    guard let symbol = dlsym(nil, "accept4") else { return Glibc.accept(descriptor, nil, nil) }
    return unsafeBitCast(symbol, to: Accept.self)(
      descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
  }

  /// Makes a pipe: its reading and its writing end (pipe2(2)).
  ///
  /// - Throws: ``CommunicationError`` if the process has no room for two more files.
  static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    let status =
      if let symbol = dlsym(nil, "pipe2") {
        unsafeBitCast(symbol, to: MakePipe.self)(&ends, O_CLOEXEC)
      } else {
        Glibc.pipe(&ends)
      }
    guard status == 0 else {
      throw CommunicationError(
        "cannot make a pipe: \(String(cString: strerror(errno)))", at: "this process",
        fix: "raise the limit on open files: ulimit -n")
    }
    return (ends[0], ends[1])
  }

  /// Lets this process have at least `count` files open, as far as its hard limit allows.
  static func allowFiles(_ count: Int) {
    let files: __rlimit_resource_t = 7  // RLIMIT_NOFILE of setrlimit(2)
    var limits = rlimit()
    guard getrlimit(files, &limits) == 0, limits.rlim_cur < count else { return }
    limits.rlim_cur = min(limits.rlim_max, rlim_t(count))
    setrlimit(files, &limits)
  }
}
