import Glibc
import Synchronization

/// The memory that the ranks of one host share: a segment of each, all of which each rank sees.
///
/// A rank allocates from its own segment only. An address is told to others as a place in the segment.
final class SharedArena: Sendable {
  let control: any JobControl
  let options: SharedMemoryOptions
  let calls: LinuxCalls
  /// The ranks that share it, as numbers of the job.
  let ranks: [Int]
  /// How many ranks a processor has to serve.
  let isCrowded: Bool
  private let own: Int
  private let segments: [SharedSegment]
  private let free: Mutex<FreeRanges>
  private let leftBlocks = Mutex<[LeftBlock]>([])

  /// A block in which ranks of a group have met, and which this rank has given and left.
  private struct LeftBlock {
    let block: GroupBlock
    let range: Range<Int>
  }

  /// Makes the arena of some ranks of a job, all of which make it.
  ///
  /// - Throws: the job's failure, or ``CommunicationError`` if memory cannot be shared.
  init(_ control: any JobControl, ranks: [Int], options: SharedMemoryOptions) throws {
    calls = try LinuxCalls()
    (self.control, self.ranks, self.options) = (control, ranks, options)
    let byteCount = options.segmentBytes(rankCount: ranks.count)
    let segment = try SharedSegment(byteCount: byteCount, calls: calls)
    let agreement = options.agreement
    let tickets = try control.exchange(
      segment.ticket.bytes + agreement, as: "shared memory", among: ranks)
    segments = try zip(ranks, tickets).map { rank, bytes in
      if rank == control.rank { return segment }
      let owner = control.membership.name(of: rank)
      guard bytes.suffix(agreement.count) == agreement[...],
        let ticket = SharedSegment.Ticket(Array(bytes.dropLast(agreement.count)))
      else {
        throw CommunicationError(
          "\(owner) has other options of shared memory", at: "shared memory",
          fix: "use the same options and version of DeepEP on all ranks")
      }
      return try SharedSegment(opening: ticket, of: owner)
    }
    own = ranks.firstIndex(of: control.rank) ?? 0
    free = Mutex(FreeRanges(FreeRanges.pageBytes..<byteCount))
    isCrowded = ranks.count > ProcessorCount.available
    // Whoever is done may go only when all have opened its memory.
    _ = try control.exchange([], as: "shared memory is open", among: ranks)
  }

  // MARK: Own memory

  /// Takes memory of the own segment.
  func take(_ byteCount: Int) throws -> Range<Int> {
    giveBlocks()
    let range = free.withLock { $0.take(byteCount) }
    guard let range, segments[own].fill(range) else {
      if let range { free.withLock { $0.give(range) } }
      throw CommunicationError(
        "there are no \(byteCount) bytes of shared memory",
        at: control.membership.name(of: control.rank),
        fix: "use smaller buffers or fewer ranks on this host")
    }
    return range
  }

  /// Gives memory back that was taken.
  func give(_ range: Range<Int>) {
    segments[own].empty(range)
    free.withLock { $0.give(range) }
  }

  /// Notes that this rank uses a block no more.
  ///
  /// - Parameter range: where it lies, if this rank has given it. Others may still look at it, so it
  ///   comes back once all ranks of the group have left it.
  func leave(_ block: GroupBlock, range: Range<Int>?) {
    if let range { leftBlocks.withLock { $0.append(LeftBlock(block: block, range: range)) } }
    block.leaverCount.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing)
  }

  /// Gives back the blocks that all have left.
  private func giveBlocks() {
    let ranges = leftBlocks.withLock { blocks in
      let start = blocks.partition(by: \.block.isUnused)
      defer { blocks.removeSubrange(start...) }
      return blocks[start...].map(\.range)
    }
    for range in ranges { give(range) }
  }

  /// A buffer of the own segment.
  func allocate(_ byteCount: Int) throws -> CommunicationBuffer {
    let range = try take(byteCount)
    let bytes = UnsafeMutableRawBufferPointer(
      start: segments[own].base + range.lowerBound, count: byteCount)
    return CommunicationBuffer(bytes) { _ in self.give(range) }
  }

  // MARK: Addresses

  /// The address of a place of the own segment.
  func ownAddress(_ place: Int) -> UnsafeMutableRawPointer { segments[own].base + place }

  /// The place of memory of this process in the own segment; nil if it is not there, any place if it is empty.
  func place(of bytes: UnsafeRawBufferPointer) -> Int? {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return 0 }
    let place = start - UnsafeRawPointer(segments[own].base)
    guard place >= 0, place <= segments[own].ticket.byteCount - bytes.count else { return nil }
    return place
  }

  /// The address at which this process sees the memory of a rank of the arena.
  ///
  /// - Throws: ``CommunicationError`` if the segment has no such place.
  func address(_ index: Int, place: Int, byteCount: Int) throws -> UnsafeMutableRawPointer {
    let segment = segments[index]
    guard place >= 0, byteCount >= 0, byteCount <= segment.ticket.byteCount,
      place <= segment.ticket.byteCount - byteCount
    else {
      throw CommunicationError(
        "\(control.membership.name(of: ranks[index])) names memory that it does not have",
        at: "shared memory", fix: "something has overwritten shared memory: look for stray writes")
    }
    return segment.base + place
  }
}

/// How many processors this process may use.
enum ProcessorCount {
  private typealias Affinity = @convention(c) (Int32, Int, UnsafeMutableRawPointer) -> Int32

  static var available: Int {
    let online = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    guard let symbol = dlsym(nil, "sched_getaffinity") else { return online }
    var words = [UInt64](repeating: 0, count: 128)
    let result = unsafeBitCast(symbol, to: Affinity.self)(0, 1024, &words)
    let count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    return result == 0 && count > 0 ? count : online
  }
}
