import DeepEPElements

/// What the header of a safetensors file says, checked against the rest of the file.
struct SafetensorsHeader {
  /// One tensor and where its bytes lie, counted from the start of the file.
  struct Entry {
    var tensor: TensorDescription
    var range: Range<Int>
  }

  /// The largest header that the reference implementation accepts.
  static let maximumByteCount = 100_000_000

  /// Free text by key, from `__metadata__`.
  private(set) var metadata: [String: String] = [:]
  /// The tensors in the order of their bytes.
  private(set) var entries: [Entry] = []

  /// Reads and checks the header of `file`, the whole contents of the file at `path`.
  init(_ file: UnsafeRawBufferPointer, path: String) throws {
    let count = try SafetensorsHeader.headerByteCount(file, path: path)
    var scanner = HeaderScanner(Array(file[8..<8 + count]), path: path)
    try read(&scanner)
    try scanner.end()
    let start = 8 + count
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    try checkCoverage(dataByteCount: file.count - start, path: path)
    for index in entries.indices {
      let range = entries[index].range
      entries[index].range = start + range.lowerBound..<start + range.upperBound
    }
  }

  private static func headerByteCount(
    _ file: UnsafeRawBufferPointer, path: String
  ) throws -> Int {
    guard file.count >= 8 else {
      throw StorageError(
        "not a safetensors file: \(file.count) bytes, the header's length alone takes 8", at: path,
        fix: "the file is cut short or of another format: copy or download it again")
    }
    let count = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard count <= maximumByteCount, count <= file.count - 8 else {
      throw StorageError(
        "not a safetensors file: a header of \(count) bytes in a file of \(file.count)", at: path,
        fix: "the file is cut short or of another format: copy or download it again")
    }
    return Int(count)
  }

  private mutating func read(_ scanner: inout HeaderScanner) throws {
    var names: Set<String> = []
    var metadata: [String: String] = [:]
    var entries: [Entry] = []
    try scanner.object { scanner, name in
      guard names.insert(name).inserted else { throw scanner.error("\(name.shown) appears twice") }
      if name == "__metadata__" {
        metadata = try SafetensorsHeader.metadata(&scanner)
      } else {
        entries.append(try SafetensorsHeader.entry(name, &scanner))
      }
    }
    (self.metadata, self.entries) = (metadata, entries)
  }

  private static func metadata(_ scanner: inout HeaderScanner) throws -> [String: String] {
    var metadata: [String: String] = [:]
    try scanner.object { scanner, key in
      let value = try scanner.string()
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw scanner.error("the metadata \(key.shown) appears twice")
      }
    }
    return metadata
  }

  private static func entry(_ name: String, _ scanner: inout HeaderScanner) throws -> Entry {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.object { scanner, key in
      switch key {
      case "dtype" where type == nil: type = try scanner.string()
      case "shape" where shape == nil: shape = try scanner.numbers()
      case "data_offsets" where offsets == nil: offsets = try scanner.numbers()
      default:
        throw scanner.error("tensor \(name.shown) has a second or unknown field \(key.shown)")
      }
    }
    guard let type, let shape, let offsets else {
      throw scanner.error("tensor \(name.shown) lacks dtype, shape or data_offsets")
    }
    guard let element = ElementType(safetensorsName: type) else {
      throw scanner.error(
        "tensor \(name.shown) has the dtype \(type.shown); known are "
          + ElementType.safetensorsNames.joined(separator: " "))
    }
    let range = try range(offsets, of: TensorDescription(name, element, shape), scanner)
    return Entry(tensor: TensorDescription(name, element, shape), range: range)
  }

  private static func range(
    _ offsets: [Int], of tensor: TensorDescription, _ scanner: HeaderScanner
  ) throws -> Range<Int> {
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw scanner.error("tensor \(tensor.name.shown) has the data_offsets \(offsets)")
    }
    guard let byteCount = tensor.byteCount, byteCount == offsets[1] - offsets[0] else {
      let needed = tensor.byteCount.map { "\($0)" } ?? "more than 2^63"
      throw scanner.error(
        "tensor \(tensor.name.shown) of \(tensor.typeDescription) takes \(needed) bytes, "
          + "its data_offsets are \(offsets)")
    }
    return offsets[0]..<offsets[1]
  }

  /// Checks that the tensors follow one another without a gap, from the first byte to the last.
  private func checkCoverage(dataByteCount: Int, path: String) throws {
    var end = 0
    for entry in entries {
      guard entry.range.lowerBound == end else {
        throw StorageError(
          "the bytes of tensor \(entry.tensor.name.shown) begin at \(entry.range.lowerBound), those "
            + "of the tensors before it end at \(end)", at: "\(path), data_offsets",
          fix: "the file is damaged: copy or download it again")
      }
      end = entry.range.upperBound
    }
    guard end == dataByteCount else {
      throw StorageError(
        "the tensors take \(end) bytes, the file has \(dataByteCount) after its header", at: path,
        fix: "the file is cut short or damaged: copy or download it again")
    }
  }
}
