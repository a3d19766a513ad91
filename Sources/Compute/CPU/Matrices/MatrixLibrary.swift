import DeepEPSystemOneDNN

/// oneDNN, opened, with the pool whose threads it uses.
package final class MatrixLibrary {
  let handle: OpaquePointer
  let pool: ThreadPool

  /// Opens the library; call it on the thread that will issue the work.
  package init(pool: ThreadPool) throws {
    self.pool = pool
    handle = try LibraryError.opening("oneDNN (libdnnl.so.3)") { deepep_onednn_open($0, $1) }
  }
}
