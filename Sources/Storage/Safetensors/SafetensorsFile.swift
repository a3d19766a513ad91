import DeepEPElements

/// A safetensors file, mapped into memory for reading.
///
/// The format is that of the Hugging Face library safetensors: eight bytes with the length of the
/// header, the header in JSON, the bytes of the tensors. Everything is checked when the file is
/// opened: types, shapes, that the bytes of the tensors cover the data exactly and do not overlap.
public struct SafetensorsFile: Sendable {
  /// Where the file lies.
  public let path: String
  /// Free text by key.
  public let metadata: [String: String]
  /// All tensors, in the order in which their bytes lie in the file.
  public let tensors: [StoredTensor]
  private let indices: [String: Int]

  /// Opens the file at `path`.
  ///
  /// Throws ``StorageError`` if it cannot be read or is not a valid safetensors file.
  public init(_ path: String) throws {
    let file = try MappedFile(path)
    let header = try file.withBytes { try SafetensorsHeader($0, path: path) }
    self.path = path
    metadata = header.metadata
    tensors = header.entries.map { StoredTensor($0.tensor, range: $0.range, file: file) }
    let named = tensors.enumerated().map { ($1.name, $0) }
    indices = Dictionary(named, uniquingKeysWith: { first, _ in first })
  }

  /// The names of all tensors, in the order in which their bytes lie in the file.
  public var names: [String] { tensors.map(\.name) }

  /// The tensor of the name `name`; throws ``StorageError`` if there is none.
  public func tensor(named name: String) throws -> StoredTensor {
    guard let index = indices[name] else {
      throw StorageError(
        "there is no tensor \(name.shown)", at: path,
        fix:
          "the file has \(tensors.count): \(names.prefix(5).map(\.shown).joined(separator: ", "))"
          + (tensors.count > 5 ? ", …" : ""))
    }
    return tensors[index]
  }

  /// Whether there is a tensor of the name `name`.
  public func contains(_ name: String) -> Bool { indices[name] != nil }
}

/// A tensor in a file: its name, type and shape, and its bytes when they are asked for.
public struct StoredTensor: Sendable {
  /// The name, type and shape.
  public let tensor: TensorDescription
  private let range: Range<Int>
  private let file: MappedFile

  init(_ tensor: TensorDescription, range: Range<Int>, file: MappedFile) {
    self.tensor = tensor
    self.range = range
    self.file = file
  }

  /// The name.
  public var name: String { tensor.name }
  /// The type of each element.
  public var element: ElementType { tensor.element }
  /// The shape, outermost dimension first.
  public var shape: [Int] { tensor.shape }
  /// The number of bytes of all elements.
  public var byteCount: Int { range.count }

  /// Calls `body` with the bytes of the elements, row-major and little-endian.
  ///
  /// They need not be aligned to the size of an element (files of other writers): use
  /// `loadUnaligned` or copy them. The buffer is valid during the call only.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }
}
