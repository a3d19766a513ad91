import Glibc

/// A TCP socket that never blocks; closed with its last reference.
final class Socket: Sendable {
  /// What a read or write came to.
  enum Progress: Hashable, Sendable {
    case bytes(Int)
    /// Nothing now.
    case wait
    /// The connection is over, with the system's reason.
    case closed(String)
  }

  let descriptor: Int32

  /// Takes over an open descriptor.
  init(descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  deinit { close(descriptor) }

  // MARK: Connections

  /// Listens at an address.
  ///
  /// - Parameter port: 0 lets the system choose a free one.
  /// - Throws: ``CommunicationError`` that names the port if it is taken.
  static func listening(at address: String, port: UInt16) throws -> Socket {
    try withAddress(address, port) { info in
      let socket = try make(info)
      socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
      guard bind(socket.descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0,
        listen(socket.descriptor, 1024) == 0
      else { throw Self.listenError(errno, address, port) }
      return socket
    }
  }

  private static func listenError(
    _ number: Int32, _ address: String, _ port: UInt16
  ) -> CommunicationError {
    let place = "port \(port) of \(address)"
    guard number == EADDRINUSE else {
      return CommunicationError(
        "cannot listen: \(String(cString: strerror(number)))", at: place,
        fix: "name an address of this host and a port that this user may open")
    }
    return CommunicationError(
      "port \(port) is taken by another process", at: place,
      fix: "choose another port, or see who listens there: ss -ltnp 'sport = :\(port)'")
  }

  /// Begins to connect; the socket is writable when that is done, see ``connectionError``.
  static func connecting(to address: String, port: UInt16) throws -> Socket {
    try withAddress(address, port) { info in
      let socket = try make(info)
      socket.sendAtOnce()
      let result = connect(socket.descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen)
      guard result == 0 || errno == EINPROGRESS else {
        throw CommunicationError(
          "cannot connect: \(String(cString: strerror(errno)))", at: "\(address):\(port)",
          fix: "see whether this host reaches that address")
      }
      return socket
    }
  }

  /// Takes a connection that waits; nil if none does.
  func accepted() -> Socket? {
    let other = DescriptorCalls.accept(descriptor)
    guard other >= 0 else { return nil }
    let socket = Socket(descriptor: other)
    socket.sendAtOnce()
    return socket
  }

  /// Whether it is connected with itself: a port that nobody listens at may be given to the one who calls it.
  var isItsOwnPeer: Bool { local == remote }

  /// The error of a connection that could not be made; nil if it stands.
  var connectionError: String? {
    var number: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size)
    return number == 0 ? nil : String(cString: strerror(number))
  }

  private func sendAtOnce() { set(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

  /// Ends a connection whose last bytes the other side does not take.
  func limitSilence(milliseconds: Int32) {
    set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, milliseconds)
  }

  private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  // MARK: Bytes

  /// Reads what is there into a buffer.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Progress {
    let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
    return count == 0 ? .closed("the other side closed it") : progress(count)
  }

  /// Writes as many bytes as there is room for.
  func write(_ bytes: UnsafeRawBufferPointer) -> Progress {
    progress(send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)))
  }

  private func progress(_ count: Int) -> Progress {
    if count >= 0 { return .bytes(count) }
    switch errno {
    case EAGAIN, EINTR: return .wait
    default: return .closed(String(cString: strerror(errno)))
    }
  }

  // MARK: Addresses

  /// The address and the port of this end.
  var local: (address: String, port: UInt16) { name(getsockname) }
  /// The address and the port of the other end.
  var remote: (address: String, port: UInt16) { name(getpeername) }

  private func name(
    _ ask: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> (String, UInt16) {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard ask(descriptor, address, &size) == 0 else { return ("unknown", 0) }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        getnameinfo(
          address, size, &host, socklen_t(host.count), &service, socklen_t(service.count),
          Int32(NI_NUMERICHOST | NI_NUMERICSERV))
        return (Self.text(host), UInt16(Self.text(service)) ?? 0)
      }
    }
  }

  private static func text(_ bytes: [CChar]) -> String {
    String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func make(_ info: UnsafeMutablePointer<addrinfo>) throws -> Socket {
    let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
    let descriptor = socket(info.pointee.ai_family, Int32(kind), 0)
    guard descriptor >= 0 else {
      throw CommunicationError(
        "cannot open a socket: \(String(cString: strerror(errno)))", at: "this process",
        fix: "raise the limit on open files: ulimit -n")
    }
    return Socket(descriptor: descriptor)
  }

  /// Whether only processes of this host reach an address; false of one that cannot be found.
  static func isLoopback(_ address: String) -> Bool {
    let isLoopback = try? withAddress(address, 0) { info -> Bool in
      switch info.pointee.ai_addr.pointee.sa_family {
      case sa_family_t(AF_INET):
        // 127.0.0.0/8 (RFC 1122, 3.2.1.3).
        return info.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
        }
      case sa_family_t(AF_INET6):
        return info.pointee.ai_addr.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
          withUnsafeBytes(of: $0.pointee.sin6_addr) {
            $0.elementsEqual([UInt8](repeating: 0, count: 15) + [1])
          }
        }
      default: return false
      }
    }
    return isLoopback ?? false
  }

  private static func withAddress<Result>(
    _ address: String, _ port: UInt16, _ body: (UnsafeMutablePointer<addrinfo>) throws -> Result
  ) throws -> Result {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(address, String(port), &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard status == 0, let list else {
      throw CommunicationError(
        "cannot find host '\(address)': \(String(cString: gai_strerror(status)))",
        at: "\(address):\(port)", fix: "name a host that this one knows, or its address")
    }
    return try body(list)
  }
}
