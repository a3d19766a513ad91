import Glibc

/// A value that threads change one at a time, and on whose changes they can wait.
// Only the thread that holds the lock touches the value.
final class Monitor<Value>: @unchecked Sendable {
  private var value: Value
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(_ value: sending Value) {
    self.value = value
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Deadlines must not move with the time of day.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Runs `body` alone; then the threads that wait look at the value again.
  func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    defer { pthread_cond_broadcast(changed) }
    return try body(&value)
  }

  /// Waits until `body` returns something, which it is asked for alone and after each change.
  ///
  /// - Parameters:
  ///   - deadlineSeconds: in seconds of the monotonic clock.
  ///   - body: told whether the deadline is over; it may change the value.
  func wait<Result>(
    until deadlineSeconds: Double = .infinity,
    for body: (inout Value, _ isLate: Bool) throws -> Result?
  ) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    var isLate = false
    do {
      while true {
        if let result = try body(&value, isLate) { return result }
        isLate = waitForChange(until: deadlineSeconds) == ETIMEDOUT
      }
    } catch {
      // What made this thread give up may concern the others.
      pthread_cond_broadcast(changed)
      throw error
    }
  }

  private func waitForChange(until deadlineSeconds: Double) -> Int32 {
    guard deadlineSeconds < 1e15 else { return pthread_cond_wait(changed, mutex) }
    let whole = deadlineSeconds.rounded(.down)
    var time = timespec(
      tv_sec: Int(whole), tv_nsec: min(999_999_999, Int((deadlineSeconds - whole) * 1e9)))
    return pthread_cond_timedwait(changed, mutex, &time)
  }
}
