import DeepEPSystemUCX

/// The transports and devices of this host that UCX uses, for all workers of a rank.
// UCX lets workers on several threads share one.
final class UCXContext: @unchecked Sendable {
  let library: UCXLibrary
  let handle: OpaquePointer

  /// Opens what UCX's own variables allow.
  ///
  /// - Throws: ``CommunicationError`` if that is nothing.
  init(_ library: UCXLibrary) throws {
    self.library = library
    var message = CMessage()
    guard let handle = message.fill({ deepep_ucx_context_create(library.handle, $0, $1) }) else {
      throw CommunicationError(
        "UCX \(library.version) finds no transport: \(message.text)", at: "communication 'ucx'",
        fix: "see what UCX_TLS and UCX_NET_DEVICES allow; ucx_info -d lists what there is")
    }
    self.handle = handle
  }

  deinit { deepep_ucx_context_destroy(handle) }
}

/// One end of the connections of a group: what UCX calls a worker, with an endpoint for each peer.
///
/// Only one thread at a time uses it.
final class UCXWorker {
  private let context: UCXContext
  private let handle: OpaquePointer
  /// Set when something still goes on that cannot be stopped.
  private var isAbandoned = false

  var library: UCXLibrary { context.library }

  /// - Throws: ``CommunicationError`` if a device has no room for another one.
  init(_ context: UCXContext, rankCount: Int) throws {
    self.context = context
    var message = CMessage()
    guard
      let handle = message.fill({
        deepep_ucx_worker_create(context.handle, Int32(rankCount), $0, $1)
      })
    else {
      throw CommunicationError(
        "UCX cannot make a worker: \(message.text)", at: "communication 'ucx'",
        fix: "raise the limits on open files and locked memory (ulimit -n, -l), or limit UCX_TLS")
    }
    self.handle = handle
  }

  /// UCX ends the process if a worker goes while an operation of it is under way; so that one stays.
  deinit {
    guard !isAbandoned else {
      _ = Unmanaged.passRetained(context)
      return
    }
    deepep_ucx_worker_destroy(handle)
  }

  func abandon() { isAbandoned = true }

  // MARK: Connections

  /// The address by which others connect; nil if it has more than `byteLimit` bytes.
  func address(byteLimit: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: byteLimit)
    let count = bytes.withUnsafeMutableBytes { buffer in
      buffer.baseAddress.map { deepep_ucx_worker_address(handle, $0, buffer.count) } ?? 0
    }
    return (1...byteLimit).contains(count) ? Array(bytes[..<count]) : nil
  }

  /// - Returns: why that cannot be; nil if it can.
  func connect(to peer: Int, _ address: [UInt8]) -> String? {
    let status = address.withUnsafeBytes { bytes in
      bytes.baseAddress.map { deepep_ucx_worker_connect(handle, Int32(peer), $0) } ?? -1
    }
    return status == 0 ? nil : library.reason(status)
  }

  /// Why a peer cannot be reached any more; nil while it can.
  func failure(of peer: Int) -> String? {
    let status = deepep_ucx_worker_failure(handle, Int32(peer))
    return status == 0 ? nil : library.reason(status)
  }

  // MARK: Messages

  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, tag: UInt64) -> UCXRequest {
    var request: UnsafeMutableRawPointer?
    let status = deepep_ucx_send(
      handle, Int32(peer), bytes.baseAddress, bytes.count, tag, &request)
    return UCXRequest(status, request.map { .sending($0) }, byteCount: bytes.count)
  }

  func receive(into bytes: UnsafeMutableRawBufferPointer, tag: UInt64) -> UCXRequest {
    var request: UnsafeMutableRawPointer?
    let status = deepep_ucx_receive(handle, bytes.baseAddress, bytes.count, tag, &request)
    return UCXRequest(status, request.map { .receiving($0) }, byteCount: 0)
  }

  /// Asks when all that was sent to a peer has left this process.
  func flush(_ peer: Int) -> UCXRequest {
    var request: UnsafeMutableRawPointer?
    let status = deepep_ucx_flush(handle, Int32(peer), &request)
    return UCXRequest(status, request.map { .sending($0) }, byteCount: 0)
  }

  /// Looks how a request goes on.
  func update(_ request: inout UCXRequest) {
    var count = 0
    switch request {
    case .sending(let running):
      request = UCXRequest(deepep_ucx_test_send(handle, running), request, byteCount: 0)
    case .receiving(let running):
      let status = deepep_ucx_test_receive(handle, running, &count)
      request = UCXRequest(status, request, byteCount: count)
    case .done, .failed: break
    }
  }

  /// Asks for the end of a request, which may be under way for a while longer.
  func cancel(_ request: UCXRequest) {
    switch request {
    case .sending(let running), .receiving(let running): deepep_ucx_cancel(handle, running)
    case .done, .failed: break
    }
  }

  // MARK: Moving on

  /// Moves what can be moved; returns whether anything did.
  func progress() -> Bool { deepep_ucx_progress(handle) != 0 }

  /// Readable when something happens after ``arm()``.
  var descriptor: Int32 { deepep_ucx_descriptor(handle) }

  /// Asks for the next event; false if there is one already.
  func arm() -> Bool { deepep_ucx_arm(handle) != 0 }
}

/// What became of something that was asked of a worker.
enum UCXRequest {
  case sending(UnsafeMutableRawPointer)
  case receiving(UnsafeMutableRawPointer)
  case done(byteCount: Int)
  /// By a status of UCX.
  case failed(Int32)

  /// - Parameter running: what it is as long as it goes on.
  init(_ status: Int32, _ running: UCXRequest?, byteCount: Int) {
    switch (status, running) {
    case (0, _): self = .done(byteCount: byteCount)
    case (1, let running?): self = running
    default: self = .failed(status)
    }
  }

  var isRunning: Bool {
    switch self {
    case .sending, .receiving: true
    case .done, .failed: false
    }
  }
}
