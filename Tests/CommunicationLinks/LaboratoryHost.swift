import Glibc

/// A network namespace with a tunnel, whose other end this process holds.
final class LaboratoryHost: Sendable {
  private typealias Enter = @convention(c) @Sendable (Int32, Int32) -> Int32
  private typealias Leave = @convention(c) @Sendable (Int32) -> Int32
  /// CLONE_NEWNET of sched.h.
  private static var network: Int32 { 0x4000_0000 }

  /// Packets of the internet protocol, one a read or write, each behind a header of ``headerBytes``; never blocks.
  let tunnel: Int32
  /// Before each packet: struct virtio_net_hdr, which says that its checksum is still to be made.
  static var headerBytes: Int { 10 }
  private let space: Int32

  /// Makes a namespace, and leaves the calling thread in it.
  init(_ number: Int) throws {
    guard let call = dlsym(nil, "unshare") else {
      throw LinkLaboratory.Refusal(description: "the C library has no unshare")
    }
    guard unsafeBitCast(call, to: Leave.self)(Self.network) == 0 else {
      throw Self.refusal("a namespace")
    }
    space = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    tunnel = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard space >= 0, tunnel >= 0 else { throw Self.refusal("a tunnel") }
    try Self.configure(tunnel, number)
  }

  deinit {
    close(tunnel)
    close(space)
  }

  var path: String { "/proc/\(getpid())/fd/\(space)" }

  func enter() throws {
    guard let call = dlsym(nil, "setns"),
      unsafeBitCast(call, to: Enter.self)(space, Self.network) == 0
    else { throw Self.refusal("to enter a namespace") }
  }

  /// Sets something of the calling thread's network: tcp(7).
  static func set(_ name: String, _ value: String) throws {
    let file = open("/proc/sys/net/ipv4/\(name)", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { throw refusal("to set \(name)") }
    defer { close(file) }
    guard write(file, value, value.utf8.count) > 0 else { throw refusal("to set \(name)") }
  }

  private static func refusal(_ what: String) -> LinkLaboratory.Refusal {
    LinkLaboratory.Refusal(
      description: "this system refuses \(what): \(String(cString: strerror(errno)))")
  }

  // MARK: Settings

  /// The requests of netdevice(7), and of linux/if_tun.h.
  private enum Setting {
    static let flags: UInt = 0x8914
    static let address: UInt = 0x8916
    static let mask: UInt = 0x891c
    static let packetBytes: UInt = 0x8922
    static let tunnel: UInt = 0x4004_54ca
    static let offload: UInt = 0x4004_54d0
  }

  private static func configure(_ tunnel: Int32, _ number: Int) throws {
    let control = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(control) }
    let up: [UInt8] = [0x41, 0]
    // A tunnel of packets without a protocol before them, and without checksums: network cards make those, and the
    // processor here has ranks to run.
    try set(tunnel, Setting.tunnel, "link0", [0x01, 0x50])
    guard ioctl(tunnel, Setting.offload, CInt(1)) == 0 else { throw refusal("to set up link0") }
    try set(control, Setting.flags, "lo", up)
    try set(control, Setting.address, "link0", address([10, 77, 0, UInt8(number + 1)]))
    try set(control, Setting.mask, "link0", address([255, 255, 255, 0]))
    // Large packets keep the switch cheap.
    try set(control, Setting.packetBytes, "link0", [0xe8, 0xfd, 0, 0])
    try set(control, Setting.flags, "link0", up)
  }

  private static func address(_ bytes: [UInt8]) -> [UInt8] { [UInt8(AF_INET), 0, 0, 0] + bytes }

  /// Sets something of a device: its name in 16 bytes, then the value, in 40 bytes in all.
  private static func set(
    _ descriptor: Int32, _ request: UInt, _ device: String, _ value: [UInt8]
  ) throws {
    let name = Array(device.utf8)
    var bytes = name + [UInt8](repeating: 0, count: 16 - name.count) + value
    bytes += [UInt8](repeating: 0, count: 40 - bytes.count)
    let status = bytes.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { ioctl(descriptor, request, $0) } ?? -1
    }
    guard status == 0 else { throw refusal("to set up \(device)") }
  }
}
