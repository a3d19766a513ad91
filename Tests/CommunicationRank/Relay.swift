import Glibc

/// What stands in for ssh between the hosts of a link laboratory: a command runs on another host with its standard
/// input and output here, over a connection that is cut with the link.
enum Relay {
  /// `relay-host PORT`: becomes the command of the first one who calls.
  ///
  /// - Returns: only if that fails.
  static func serve(port: UInt16) -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let isListening = withAddress("0.0.0.0", port) { bind(listener, $0, $1) == 0 }
    guard isListening, listen(listener, 1) == 0 else { return 1 }
    let caller = accept(listener, nil, nil)
    close(listener)
    var command: [UInt8] = []
    var byte: UInt8 = 0
    while read(caller, &byte, 1) == 1, byte != 10 { command.append(byte) }
    dup2(caller, STDIN_FILENO)
    dup2(caller, STDOUT_FILENO)
    close(caller)
    let words: [String] = ["sh", "-c", String(decoding: command, as: UTF8.self)]
    execv("/bin/sh", words.map { strdup($0) } + [nil])
    return 1
  }

  /// `relay ADDRESS PORT COMMAND`: runs a command where ``serve(port:)`` waits, and ends when that does.
  static func call(_ address: String, _ port: UInt16, _ command: String) -> Int32 {
    guard let host = connected(address, port) else { return 255 }
    var open = [STDIN_FILENO, host]
    guard pass(Array((command + "\n").utf8), to: host) else { return 255 }
    while open.contains(host) {
      var list = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      poll(&list, nfds_t(list.count), -1)
      for entry in list where entry.revents != 0 {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(entry.fd, &bytes, bytes.count)
        let target = entry.fd == host ? STDOUT_FILENO : host
        if count > 0, pass(Array(bytes[..<count]), to: target) { continue }
        open.removeAll { $0 == entry.fd }
        // The other side hears that nothing more comes, as ssh tells it.
        if entry.fd != host { shutdown(host, Int32(SHUT_WR)) }
      }
    }
    return 0
  }

  /// Tries until somebody listens.
  private static func connected(_ address: String, _ port: UInt16) -> Int32? {
    for _ in 0..<1000 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      if withAddress(address, port, { connect(descriptor, $0, $1) == 0 }) { return descriptor }
      close(descriptor)
      usleep(5000)
    }
    return nil
  }

  private static func pass(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func withAddress(
    _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard inet_pton(AF_INET, text, &address.sin_addr) == 1 else { return false }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
