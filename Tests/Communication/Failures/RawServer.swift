import Glibc

/// A port of this host at which whoever calls gets whatever a test likes.
// Only one thread at a time uses it.
final class RawServer: @unchecked Sendable {
  private let listener: Int32
  private var caller: Int32 = -1
  let port: UInt16

  init() throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (descriptor, count) = (listener, size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, count) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, $0, &size) == 0
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    guard status else { throw RawClient.Failure(number: errno) }
  }

  deinit {
    close(listener)
    if caller >= 0 { close(caller) }
  }

  /// Waits for one who calls, and reads what it says first.
  func accept() {
    caller = Glibc.accept(listener, nil, nil)
    var bytes = [UInt8](repeating: 0, count: 4096)
    _ = recv(caller, &bytes, bytes.count, 0)
  }

  func send(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes {
      Glibc.send(caller, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
  }

  func hangUp() {
    close(caller)
    caller = -1
  }
}
