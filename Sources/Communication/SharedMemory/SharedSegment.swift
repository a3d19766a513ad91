import Glibc

/// Memory that several ranks of a host see: a file without a name, mapped by each of them.
///
/// The file is as large as the memory of the host, and takes only what is allocated of it.
/// Nothing stays behind when the processes have ended, however they did.
// What lies in the memory is guarded by those who use it; the rest is constant.
final class SharedSegment: @unchecked Sendable {
  /// What another rank needs to open a segment.
  struct Ticket {
    var process: Int
    var descriptor: Int
    var byteCount: Int
    /// Stands at the start of the memory, so that a rank knows that it has the right one.
    var key: Int
  }

  let base: UnsafeMutableRawPointer
  let ticket: Ticket
  private let descriptor: Int32
  private let hugePages = SharedHugePages()

  /// Makes a segment of this process.
  ///
  /// - Throws: ``CommunicationError`` if the system does not let.
  init(byteCount: Int, calls: LinuxCalls) throws {
    let descriptor = calls.anonymousFile("deepep")
    guard descriptor >= 0 else { throw Self.error("make a file in memory") }
    guard ftruncate(descriptor, byteCount) == 0, posix_fallocate(descriptor, 0, 4096) == 0 else {
      defer { close(descriptor) }
      throw Self.error("make a file of \(byteCount) bytes in memory")
    }
    base = try Self.mapped(descriptor, byteCount)
    self.descriptor = descriptor
    ticket = Ticket(
      process: Int(getpid()), descriptor: Int(descriptor), byteCount: byteCount,
      key: Int.random(in: .min ... .max))
    base.storeBytes(of: ticket.key, as: Int.self)
  }

  /// Opens the segment of another rank of this host.
  ///
  /// - Throws: ``CommunicationError`` if it is not there, or is another's.
  init(opening ticket: Ticket, of owner: String) throws {
    let path = "/proc/\(ticket.process)/fd/\(ticket.descriptor)"
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.error("open the memory of \(owner), \(path)") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size == ticket.byteCount,
      ticket.byteCount >= 4096
    else {
      close(descriptor)
      throw Self.foreign(owner, path)
    }
    base = try Self.mapped(descriptor, ticket.byteCount)
    (self.descriptor, self.ticket) = (descriptor, ticket)
    guard base.load(as: Int.self) == ticket.key else { throw Self.foreign(owner, path) }
  }

  deinit {
    munmap(base, ticket.byteCount)
    close(descriptor)
  }

  /// Takes memory of the system for a part of the segment.
  ///
  /// - Returns: false if there is not as much.
  func fill(_ range: Range<Int>) -> Bool {
    hugePages.take(range, of: descriptor, at: base)
    return posix_fallocate(descriptor, range.lowerBound, range.count) == 0
  }

  /// Gives the memory of whole pages back to the system.
  func empty(_ range: Range<Int>) {
    let remove: Int32 = 9  // MADV_REMOVE of madvise(2)
    madvise(base + range.lowerBound, range.count, remove)
  }

  private static func mapped(
    _ descriptor: Int32, _ byteCount: Int
  ) throws -> UnsafeMutableRawPointer {
    // Room for an address at which huge pages can begin.
    let (unit, flags) = (SharedHugePages.byteCount, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
    let room = mmap(nil, byteCount + unit, PROT_NONE, flags, -1, 0)
    guard let room, room != MAP_FAILED else { throw unmappable(descriptor, byteCount) }
    let start = room.alignedUp(toMultipleOf: unit)
    munmap(room, start - room)
    munmap(start + byteCount, room + unit - start)
    let address = mmap(
      start, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      defer { munmap(start, byteCount) }
      throw unmappable(descriptor, byteCount)
    }
    return address
  }

  private static func unmappable(_ descriptor: Int32, _ byteCount: Int) -> CommunicationError {
    defer { close(descriptor) }
    return error("map \(byteCount) bytes of shared memory")
  }

  private static func error(_ action: String) -> CommunicationError {
    let reason = String(cString: strerror(errno))
    return CommunicationError(
      "cannot \(action): \(reason)", at: "shared memory",
      fix: "raise the limits on memory and address space, or choose another communication")
  }

  private static func foreign(_ owner: String, _ path: String) -> CommunicationError {
    CommunicationError(
      "\(path) is not the memory of \(owner)", at: "shared memory",
      fix: "ranks of one host must see the same processes; choose another communication")
  }
}

extension SharedSegment.Ticket {
  /// The ticket as bytes, for an exchange.
  var bytes: [UInt8] {
    [process, descriptor, byteCount, key].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
  }

  /// Reads a ticket; nil if the bytes are none.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    let words = (0..<4).map { word in
      (0..<8).reduce(0) { $0 | Int(bytes[word * 8 + $1]) << (8 * $1) }
    }
    self.init(process: words[0], descriptor: words[1], byteCount: words[2], key: words[3])
  }
}
