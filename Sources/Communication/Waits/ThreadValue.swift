import Glibc

/// An object of each thread, which goes when the thread ends.
final class ThreadValue<Value: AnyObject>: Sendable {
  private let key: pthread_key_t

  /// - Returns: nil if the system has no room for more of them: there are 1024 in a process.
  init?() {
    var key = pthread_key_t()
    guard pthread_key_create(&key, releaseValue) == 0 else { return nil }
    self.key = key
  }

  /// The objects of other threads that still live stay as long as the process.
  deinit {
    releaseValue(pthread_getspecific(key))
    pthread_key_delete(key)
  }

  /// The object of the calling thread, which is made if there is none.
  func value(otherwise make: () -> Value) -> Value {
    if let known = pthread_getspecific(key) {
      return Unmanaged<Value>.fromOpaque(known).takeUnretainedValue()
    }
    let value = make()
    pthread_setspecific(key, Unmanaged.passRetained(value).toOpaque())
    return value
  }
}

private func releaseValue(_ object: UnsafeMutableRawPointer?) {
  object.map { Unmanaged<AnyObject>.fromOpaque($0).release() }
}
