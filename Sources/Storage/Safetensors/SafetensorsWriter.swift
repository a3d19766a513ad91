import DeepEPElements
import DeepEPEvents

/// Writes safetensors files, byte for byte as the reference implementation does.
///
/// Tensors are ordered by type, the largest first, then by name; the header is padded with spaces
/// to a multiple of eight bytes (safetensors 0.8.0). Metadata is ordered by key.
public struct SafetensorsWriter {
  private let path: String
  private let tensors: [TensorToWrite]
  private let metadata: [String: String]

  /// Writes `tensors` and `metadata` to `path`, whole or not at all.
  ///
  /// The file is written aside in the same folder and then takes the place of the one that was
  /// there, which stays untouched when anything fails. Throws ``StorageError`` for an invalid shape,
  /// a name that appears twice or is reserved, bytes that do not fit their shape, and when the
  /// folder cannot be written to or is full; rethrows what a producer of bytes throws.
  public static func write(
    _ tensors: [TensorToWrite], metadata: [String: String] = [:], to path: String
  ) throws {
    let writer = SafetensorsWriter(path: path, tensors: tensors, metadata: metadata)
    try writer.write()
  }

  private init(path: String, tensors: [TensorToWrite], metadata: [String: String]) {
    self.path = path
    self.metadata = metadata
    self.tensors = tensors.sorted {
      let (left, right) = ($0.tensor.element.safetensorsRank, $1.tensor.element.safetensorsRank)
      return left == right
        ? $0.tensor.name.unicodeScalars.lexicographicallyPrecedes($1.tensor.name.unicodeScalars)
        : left > right
    }
  }

  private func write() throws {
    let (header, dataByteCount) = try header()
    let (total, overflow) = header.count.addingReportingOverflow(dataByteCount)
    guard !overflow else { throw tooLarge("all tensors") }
    try AtomicFile.write(path, byteCount: total) { consumer in
      try header.withUnsafeBytes(consumer)
      for tensor in tensors { try write(tensor, to: consumer) }
    }
  }

  private func write(_ source: TensorToWrite, to consumer: TensorToWrite.Consumer) throws {
    var rest = source.tensor.byteCount ?? 0
    try source.produce { piece in
      rest -= piece.count
      guard rest >= 0 else { throw wrongCount(source.tensor, -rest, "too many") }
      try consumer(piece)
    }
    guard rest == 0 else { throw wrongCount(source.tensor, rest, "missing") }
  }

  /// The length, the JSON and the padding, and the number of bytes that follow.
  private func header() throws -> (bytes: [UInt8], dataByteCount: Int) {
    var members: [String] = []
    if !metadata.isEmpty { members.append("\"__metadata__\":\(metadataObject)") }
    var offset = 0
    for tensor in try checkedTensors() {
      guard let byteCount = tensor.byteCount else { throw tooLarge("'\(tensor.name)'") }
      let (end, overflow) = offset.addingReportingOverflow(byteCount)
      guard !overflow else { throw tooLarge("'\(tensor.name)'") }
      members.append(member(tensor, offsets: [offset, end]))
      offset = end
    }
    return (try framed(Array("{\(members.joined(separator: ","))}".utf8)), offset)
  }

  private func framed(_ json: [UInt8]) throws -> [UInt8] {
    let padding = (8 - json.count % 8) % 8
    guard json.count + padding <= SafetensorsHeader.maximumByteCount else {
      throw StorageError(
        "a header of \(json.count) bytes, \(SafetensorsHeader.maximumByteCount) are allowed",
        at: path, fix: "write fewer tensors or less metadata into one file")
    }
    let length = withUnsafeBytes(of: UInt64(json.count + padding).littleEndian, Array.init)
    return length + json + [UInt8](repeating: 0x20, count: padding)
  }

  private func checkedTensors() throws -> [TensorDescription] {
    var names: Set<String> = ["__metadata__"]
    for tensor in tensors where !names.insert(tensor.tensor.name).inserted {
      throw StorageError(
        "the name '\(tensor.tensor.name)' is reserved or appears twice", at: path,
        fix: "give every tensor a name of its own")
    }
    return tensors.map(\.tensor)
  }

  private var metadataObject: String {
    let sorted = metadata.sorted {
      $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars)
    }
    let members = sorted.map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
    return "{\(members.joined(separator: ","))}"
  }

  private func member(_ tensor: TensorDescription, offsets: [Int]) -> String {
    let shape = tensor.shape.map(String.init).joined(separator: ",")
    return "\(JSONText.quoted(tensor.name)):{\"dtype\":\"\(tensor.element.safetensorsName)\","
      + "\"shape\":[\(shape)],\"data_offsets\":[\(offsets[0]),\(offsets[1])]}"
  }

  private func tooLarge(_ subject: String) -> StorageError {
    StorageError(
      "the bytes of \(subject) are more than 2^63 - 1, or a dimension is negative", at: path,
      fix: "check the shapes")
  }

  private func wrongCount(
    _ tensor: TensorDescription, _ count: Int, _ problem: String
  ) -> StorageError {
    StorageError(
      "\(count) bytes are \(problem): \(tensor.typeDescription) takes \(tensor.byteCount ?? 0)",
      at: "\(path), tensor '\(tensor.name)'", fix: "hand over exactly the bytes of the tensor")
  }
}
