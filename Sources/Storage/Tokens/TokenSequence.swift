import DeepEPElements

/// The tokens of a text in order: in memory, or in a ``TokenFile``, of which only what is used is read.
public struct TokenSequence: RandomAccessCollection, Sendable {
  private enum Place: Sendable {
    case memory([Int32])
    case file(StoredTensor)
  }

  private let place: Place
  /// The number of tokens.
  public let count: Int

  /// Takes tokens in memory.
  public init(_ tokens: [Int32]) {
    (place, count) = (.memory(tokens), tokens.count)
  }

  /// Takes tokens in a file, of one of the types of ``element(forVocabulary:)``.
  init(_ tensor: StoredTensor) {
    (place, count) = (.file(tensor), tensor.byteCount / tensor.element.byteCount)
  }

  /// Zero.
  public var startIndex: Int { 0 }
  /// The number of tokens.
  public var endIndex: Int { count }

  /// The token at a position.
  public subscript(position: Int) -> Int32 {
    switch place {
    case .memory(let tokens): tokens[position]
    case .file(let tensor): tensor.withBytes { Self.token($0, position, tensor.element) }
    }
  }

  /// Some tokens, read at once.
  public func array(_ range: Range<Int>) -> [Int32] {
    switch place {
    case .memory(let tokens): return Array(tokens[range])
    case .file(let tensor):
      return tensor.withBytes { bytes in
        range.map { Self.token(bytes, $0, tensor.element) }
      }
    }
  }

  /// Tells texts apart, alike for tokens in memory and in a file.
  var fingerprint: UInt64 {
    let pieces = stride(from: 0, to: count, by: 1 << 16).lazy.map { start in
      WordDigest.of(array(start..<Swift.min(start + 1 << 16, count)))
    }
    return WordDigest.of(pieces)
  }

  // MARK: In files

  /// The smallest type that holds each of so many different tokens.
  static func element(forVocabulary count: Int) -> ElementType {
    count <= 1 << 8 ? .uint8 : count <= 1 << 16 ? .uint16 : .int32
  }

  /// Tokens as they lie in a file.
  static func bytes(_ tokens: [Int32], _ element: ElementType) -> [UInt8] {
    switch element {
    case .uint8: tokens.map { UInt8(truncatingIfNeeded: $0) }
    case .uint16:
      tokens.map { UInt16(truncatingIfNeeded: $0).littleEndian }.withUnsafeBytes { Array($0) }
    default: tokens.map(\.littleEndian).withUnsafeBytes { Array($0) }
    }
  }

  @inline(__always)
  private static func token(
    _ bytes: UnsafeRawBufferPointer, _ position: Int, _ element: ElementType
  ) -> Int32 {
    switch element {
    case .uint8: Int32(bytes[position])
    case .uint16:
      Int32(
        UInt16(
          littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * position, as: UInt16.self)))
    default:
      Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * position, as: Int32.self))
    }
  }
}
