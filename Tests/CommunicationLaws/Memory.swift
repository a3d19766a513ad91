import DeepEPCommunication
import DeepEPElements

/// A rank's memory for one test.
package final class Memory {
  /// Where the memory of a test lies.
  package enum Place: String, CaseIterable, Sendable {
    /// The rank's own; transports may have to copy.
    case own
    /// Allocated by the communicator.
    case allocated
    /// Some here, some there.
    case mixed
  }

  /// What memory is filled with that nobody has written.
  private static var filler: UInt8 { 0xa5 }
  /// How many bytes at the end are nobody's.
  private static var marginBytes: Int { 16 }

  private let all: UnsafeMutableRawBufferPointer
  private let raw: UnsafeMutableRawBufferPointer
  /// The allocated buffer in which the memory lies.
  private let buffer: CommunicationBuffer?

  /// Memory with some bytes, in a place that a test chooses.
  ///
  /// - Parameter offset: where it begins, counted from a multiple of 64 bytes.
  package init(
    _ bytes: [UInt8], _ place: Place, offset: Int = 0, _ communicator: any Communicator
  ) throws {
    let isAllocated =
      place == .allocated || place == .mixed && (communicator.rank + bytes.count) % 2 == 0
    let byteCount = offset + bytes.count + Self.marginBytes
    buffer = isAllocated ? try communicator.allocate(byteCount: byteCount) : nil
    all = buffer?.bytes ?? .allocate(byteCount: byteCount, alignment: 64)
    raw = .init(rebasing: all[offset..<offset + bytes.count])
    fill(bytes)
  }

  /// Private memory with some bytes.
  package init(_ bytes: [UInt8]) {
    buffer = nil
    all = .allocate(byteCount: bytes.count + Self.marginBytes, alignment: 64)
    raw = .init(rebasing: all[..<bytes.count])
    fill(bytes)
  }

  /// Private memory full of a byte that no test expects.
  package convenience init(count: Int) { self.init(Self.filling(count)) }

  deinit { if buffer == nil { all.deallocate() } }

  /// Bytes that no test expects.
  package static func filling(_ count: Int) -> [UInt8] { Array(repeating: filler, count: count) }

  private func fill(_ bytes: [UInt8]) {
    all.initializeMemory(as: UInt8.self, repeating: Self.filler)
    raw.copyBytes(from: bytes)
  }

  package var mutable: UnsafeMutableRawBufferPointer { raw }
  package var constant: UnsafeRawBufferPointer { UnsafeRawBufferPointer(raw) }
  package var bytes: [UInt8] { withExtendedLifetime(self) { Array(raw) } }
  /// The first eight bytes.
  package var integer: Int { withExtendedLifetime(self) { constant.loadUnaligned(as: Int.self) } }

  /// Whether nobody has written beside the memory.
  package var isBorderKept: Bool {
    let start = raw.baseAddress.map { $0 - (all.baseAddress ?? $0) } ?? 0
    return all[..<start].allSatisfy { $0 == Self.filler }
      && all[(start + raw.count)...].allSatisfy { $0 == Self.filler }
  }
}
