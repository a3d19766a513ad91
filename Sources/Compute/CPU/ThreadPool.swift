import DeepEPSystemOpenMP

/// The threads of a rank: OpenMP's pool, which oneDNN shares.
///
/// The pool belongs to the thread that starts its work, so all compute is issued from one thread.
package final class ThreadPool {
  /// The number of threads that work is spread over.
  package let threadCount: Int
  private let library: OpaquePointer

  /// Opens the pool, and sets the number of threads for oneDNN's calls from this thread too.
  package init(threadCount: Int) throws {
    library = try LibraryError.opening("GNU OpenMP (libgomp1)") { deepep_openmp_open($0, $1) }
    self.threadCount = max(threadCount, 1)
    claimLibraries()
  }

  /// Sets the number of threads that oneDNN uses when called from this thread.
  ///
  /// Only to be called where pools of several sizes take turns: the pool that was opened last has it.
  package func claimLibraries() { deepep_openmp_set_threads(library, Int32(threadCount)) }

  /// Does what calls oneDNN, which takes only the calling thread where the work is too small for others.
  func withLibraries<Result>(
    onCallingThread: Bool, _ body: () throws -> Result
  ) rethrows -> Result {
    guard onCallingThread, threadCount > 1 else { return try body() }
    deepep_openmp_set_threads(library, 1)
    defer { claimLibraries() }
    return try body()
  }

  /// Runs a kernel over all of `0 ..< count`, in one contiguous part for each thread.
  ///
  /// - Parameter onCallingThread: for work too small to be worth waking the others.
  package func run(
    _ kernel: KernelFunction, _ buffers: UnsafePointer<UnsafeMutableRawPointer?>, count: Int,
    onCallingThread: Bool = false
  ) {
    deepep_openmp_run(library, kernel, buffers, count, onCallingThread ? 1 : Int32(threadCount))
  }

  /// Calls a function once on each thread, with the thread's number.
  package func onEachThread(_ body: @Sendable (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
      let box = TaskBox(body)
      let context = Unmanaged.passUnretained(box).toOpaque()
      withExtendedLifetime(box) {
        deepep_openmp_each(library, runTask, context, Int32(threadCount))
      }
    }
  }
}

private final class TaskBox: Sendable {
  let body: @Sendable (Int) -> Void
  init(_ body: @escaping @Sendable (Int) -> Void) { self.body = body }
}

private let runTask: @convention(c) @Sendable (UnsafeMutableRawPointer, Int) -> Void = {
  Unmanaged<TaskBox>.fromOpaque($0).takeUnretainedValue().body($1)
}
