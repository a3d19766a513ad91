import Foundation

/// A thread whose end others can wait for.
package final class WorkingThread: Sendable {
  private let condition = NSCondition()
  // Only touched under the condition's lock.
  nonisolated(unsafe) private var result: Result<Void, any Error>?

  package init(_ body: @escaping @Sendable () throws -> Void) {
    Thread.detachNewThread { [self] in
      let result = Result { try body() }
      condition.withLock { self.result = result }
      condition.broadcast()
    }
  }

  /// Waits for its end, and throws its error.
  package func wait() throws {
    try condition.withLock { () -> Result<Void, any Error> in
      while true {
        if let result { return result }
        condition.wait()
      }
    }.get()
  }
}
