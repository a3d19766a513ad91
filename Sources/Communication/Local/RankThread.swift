import Glibc

/// A thread of the operating system that runs one rank.
///
/// Ranks wait for one another, so each needs a thread of its own: a pool with fewer threads than
/// ranks would never start the last one.
struct RankThread {
  /// Code that works on graphs calls itself deeply.
  private static var stackBytes: Int { 64 << 20 }

  private let thread: pthread_t

  /// Starts a thread.
  ///
  /// - Throws: ``CommunicationError`` if the system has no room for another.
  init(_ body: @escaping @Sendable () -> Void) throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, Self.stackBytes)
    var thread = pthread_t()
    let work = Unmanaged.passRetained(RankWork(body: body))
    let error = pthread_create(&thread, &attributes, runRank, work.toOpaque())
    guard error == 0 else {
      work.release()
      throw CommunicationError(
        "cannot start a thread for a rank: \(String(cString: strerror(error)))",
        at: "local group", fix: "use fewer ranks, or raise the limits on threads and memory")
    }
    self.thread = thread
  }

  /// Waits until the thread has ended.
  func join() { pthread_join(thread, nil) }
}

private final class RankWork: Sendable {
  let body: @Sendable () -> Void

  init(body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runRank(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  work.map { Unmanaged<RankWork>.fromOpaque($0).takeRetainedValue().body() }
  return nil
}
