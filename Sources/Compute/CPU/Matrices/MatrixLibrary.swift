import DeepEPSystemOneDNN

/// oneDNN, opened, with the pool whose threads it uses.
package final class MatrixLibrary {
  let handle: OpaquePointer
  let pool: ThreadPool

  /// Opens the library; call it on the thread that will issue the work.
  ///
  /// - Parameters:
  ///   - pool: The threads that it uses.
  ///   - vectorLimit: The widest vectors to use; one for all of the process.
  /// - Throws: ``LibraryError`` if it is missing, or was used in this process with wider vectors.
  package init(pool: ThreadPool, vectorLimit: VectorLimit? = nil) throws {
    self.pool = pool
    handle = try LibraryError.opening("oneDNN (libdnnl.so.3)") {
      deepep_onednn_open(vectorLimit.code, $0, $1)
    }
  }
}

extension VectorLimit? {
  fileprivate var code: deepep_onednn_vectors {
    switch self {
    case .avx2: DEEPEP_ONEDNN_AVX2
    case .avx512: DEEPEP_ONEDNN_AVX512
    case nil: DEEPEP_ONEDNN_ALL_VECTORS
    }
  }
}
