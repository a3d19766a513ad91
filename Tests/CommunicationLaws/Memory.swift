import DeepEPCommunication
import DeepEPElements

/// A rank's memory for one test.
package final class Memory {
  /// Where the memory of a test lies.
  package enum Place: CaseIterable, Sendable {
    /// The rank's own; transports may have to copy.
    case own
    /// Allocated by the communicator.
    case allocated
    /// Some here, some there.
    case mixed
  }

  private let raw: UnsafeMutableRawBufferPointer
  /// The allocated buffer in which the memory lies.
  private let buffer: CommunicationBuffer?

  /// Private memory with some bytes.
  package init(_ bytes: [UInt8]) {
    raw = .allocate(byteCount: bytes.count, alignment: 64)
    buffer = nil
    raw.copyBytes(from: bytes)
  }

  /// Memory in a place that a test chooses; some of a communicator's buffers begin at odd addresses.
  package convenience init(
    _ bytes: [UInt8], _ place: Place, _ communicator: any Communicator
  ) throws {
    let isAllocated =
      place == .allocated || place == .mixed && (communicator.rank + bytes.count) % 2 == 0
    if isAllocated {
      self.init(bytes, in: try communicator.allocate(byteCount: bytes.count + 3))
    } else {
      self.init(bytes)
    }
  }

  private init(_ bytes: [UInt8], in buffer: CommunicationBuffer) {
    self.buffer = buffer
    raw = .init(rebasing: buffer.bytes[3...])
    raw.copyBytes(from: bytes)
  }

  /// Memory full of a byte that no test expects, in a place that a test chooses.
  package convenience init(
    count: Int, _ place: Place, _ communicator: any Communicator
  ) throws {
    try self.init([UInt8](repeating: 0xa5, count: count), place, communicator)
  }

  /// Memory full of a byte that no test expects.
  package convenience init(count: Int) { self.init([UInt8](repeating: 0xa5, count: count)) }

  deinit { if buffer == nil { raw.deallocate() } }

  package var mutable: UnsafeMutableRawBufferPointer { raw }
  package var constant: UnsafeRawBufferPointer { UnsafeRawBufferPointer(raw) }
  package var bytes: [UInt8] { Array(raw) }
}

/// A small generator (SplitMix64), so that every rank can know the numbers of all.
package struct Numbers {
  private var state: UInt64

  package init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  /// Elements of a type: floats between -2 and 2, any integer.
  package static func bytes(_ element: ElementType, _ count: Int, seed: Int) -> [UInt8] {
    var numbers = Numbers(seed)
    return (0..<count).flatMap { _ in
      let word = numbers.next()
      let number = Double(word >> 11) * 0x1p-51 - 2
      let bits =
        element.isFloatingPoint
        ? element.bits(element.rounded(number)) : element == .bool ? word & 1 : word
      return (0..<element.byteCount).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
  }
}
