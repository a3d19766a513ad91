import DeepEPSystemUCX
import Glibc

/// The transports and devices of this host that UCX uses, for all workers of a rank.
// UCX lets workers on several threads share one.
final class UCXContext: @unchecked Sendable {
  let library: UCXLibrary
  let handle: OpaquePointer

  /// Opens what UCX's own variables allow.
  ///
  /// - Throws: ``CommunicationError`` if that is nothing.
  convenience init(_ library: UCXLibrary) throws {
    try self.init(library, sparesRendezvous: false)
  }

  /// Opens the same for messages.
  ///
  /// Where there are only sockets, asking the other side first costs a round trip for each piece and spares no copy. What
  /// UCX's own variable says stays.
  static func forMessages(_ library: UCXLibrary) throws -> UCXContext {
    let context = try UCXContext(library)
    guard context.fabric == nil, getenv("UCX_RNDV_THRESH") == nil else { return context }
    return try UCXContext(library, sparesRendezvous: true)
  }

  private init(_ library: UCXLibrary, sparesRendezvous: Bool) throws {
    self.library = library
    var message = CMessage()
    guard
      let handle = message.fill({ text, byteCount in
        Self.withServiceThread {
          deepep_ucx_context_create(
            library.handle, ProcessThreads.serviceName, sparesRendezvous, text, byteCount)
        }
      })
    else {
      throw CommunicationError(
        "UCX \(library.version) finds no transport: \(message.text)", at: "communication 'ucx'",
        fix: "see what UCX_TLS and UCX_NET_DEVICES allow; without them deepep doctor lists all")
    }
    self.handle = handle
  }

  deinit { deepep_ucx_context_destroy(handle) }

  /// Marks the thread by which UCX waits for descriptors, if a call starts it.
  static func withServiceThread<Result>(_ body: () -> Result) -> Result {
    ProcessThreads.markServices(named: "async", startedBy: body)
  }

  /// What it has opened, as UCX names it: "tcp/eth0", "rc_mlx5/mlx5_0:1".
  var devices: [String] {
    var text = CMessage(byteCount: 64 << 10)
    _ = text.fill { deepep_ucx_context_devices(handle, $0, $1) as Void? }
    return text.text.split(separator: "\n").map(String.init)
  }

  /// The first device by which other hosts are reached in another way than by sockets; nil if there is none.
  var fabric: String? {
    devices.first { name in ["rc_", "dc_", "ud_", "srd", "ugni"].contains { name.hasPrefix($0) } }
  }
}

/// One end of the connections of a group: what UCX calls a worker, with an endpoint for each peer.
///
/// Only one thread at a time uses it.
final class UCXWorker: ParcelCarrier {
  private let context: UCXContext
  private let handle: OpaquePointer
  private let rank: Int
  /// Set when something still goes on that cannot be stopped.
  private var isAbandoned = false

  private var library: UCXLibrary { context.library }

  /// - Throws: ``CommunicationError`` if a device has no room for another one.
  init(_ context: UCXContext, rank: Int, rankCount: Int) throws {
    (self.context, self.rank) = (context, rank)
    var message = CMessage()
    guard
      let handle = message.fill({ text, byteCount in
        UCXContext.withServiceThread {
          deepep_ucx_worker_create(context.handle, Int32(rankCount), text, byteCount)
        }
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

  func failure(of peer: Int) -> String? {
    let status = deepep_ucx_worker_failure(handle, Int32(peer))
    return status == 0 ? nil : reason(status)
  }

  func reason(_ status: Int32) -> String { "UCX: \(library.reason(status))" }

  // MARK: Messages

  /// What tells the messages of a worker apart: who has sent them, and which part they are.
  private static func tag(_ sender: Int, _ part: ParcelPart) -> UInt64 {
    UInt64(sender) << 1 | part.rawValue
  }

  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, _ part: ParcelPart) -> ParcelRequest {
    var request: UnsafeMutableRawPointer?
    let status = deepep_ucx_send(
      handle, Int32(peer), bytes.baseAddress, bytes.count, Self.tag(rank, part), &request)
    return ParcelRequest(status, request.map { .sending($0) }, byteCount: bytes.count)
  }

  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from peer: Int, _ part: ParcelPart
  ) -> ParcelRequest {
    var request: UnsafeMutableRawPointer?
    let status = deepep_ucx_receive(
      handle, bytes.baseAddress, bytes.count, Self.tag(peer, part), &request)
    return ParcelRequest(status, request.map { .receiving($0) }, byteCount: 0)
  }

  func update(_ request: inout ParcelRequest) {
    var count = 0
    switch request {
    case .sending(let running):
      request = ParcelRequest(deepep_ucx_test_send(handle, running), request, byteCount: 0)
    case .receiving(let running):
      let status = deepep_ucx_test_receive(handle, running, &count)
      request = ParcelRequest(status, request, byteCount: count)
    case .done, .failed: break
    }
  }

  func cancel(_ request: ParcelRequest) {
    switch request {
    case .sending(let running), .receiving(let running): deepep_ucx_cancel(handle, running)
    case .done, .failed: break
    }
  }

  // MARK: Moving on

  func progress() -> Bool { deepep_ucx_progress(handle) != 0 }

  func sleep(_ waker: Waker, milliseconds: Int) {
    deepep_ucx_sleep(handle, waker.descriptor, Int32(clamping: milliseconds))
  }
}
