import DeepEPElements
import Dispatch
import Synchronization

/// A loader that makes the next batches on a thread of its own while the one before is computed with.
///
/// Which batches are next follows from the one that was asked for; what is asked for instead is made at once.
package final class PrefetchingLoader: BatchLoader {
  private struct Request: Hashable {
    var position: Int
    var count: Int
  }

  private final class Promise: Sendable {
    private let result = Mutex<Result<Batch, any Error>?>(nil)
    private let isDone = DispatchSemaphore(value: 0)

    func keep(_ body: () throws -> Batch) {
      let made = Result { try body() }
      result.withLock { $0 = made }
      isDone.signal()
    }

    /// The batch, for the one who waits for it.
    func wait() throws -> Batch? {
      isDone.wait()
      return try result.withLock { try $0?.get() }
    }
  }

  private let loader: any BatchLoader
  private let depth: Int
  private let queue = DispatchQueue(label: "deepep.data")
  private let promises = Mutex<[Request: Promise]>([:])

  /// Wraps a loader.
  ///
  /// - Parameter depth: How many batches are made ahead.
  package init(_ loader: any BatchLoader, depth: Int = 2) {
    (self.loader, self.depth) = (loader, depth)
  }

  package var batchSize: Int { loader.batchSize }
  package var examplesPerEpoch: Int { loader.examplesPerEpoch }
  package var inputs: [TensorDescription] { loader.inputs }
  package var validationBatchCount: Int { loader.validationBatchCount }
  package func fingerprint() throws -> UInt64 { try loader.fingerprint() }
  package func validationBatch(_ index: Int) throws -> Batch { try loader.validationBatch(index) }

  package func batch(atExample position: Int, count: Int) throws -> Batch {
    let request = Request(position: position, count: count)
    let (promise, missing) = promises.withLock { promises in
      let promise = promises[request]
      let next = (1...depth).map {
        Request(position: position + $0 * batchSize, count: count)
      }
      promises = promises.filter { next.contains($0.key) }
      let missing = next.filter { promises[$0] == nil }.map { ($0, Promise()) }
      for (request, promise) in missing { promises[request] = promise }
      return (promise, missing)
    }
    for (request, promise) in missing {
      queue.async { [loader] in
        promise.keep { try loader.batch(atExample: request.position, count: request.count) }
      }
    }
    return try promise?.wait() ?? loader.batch(atExample: position, count: count)
  }
}
