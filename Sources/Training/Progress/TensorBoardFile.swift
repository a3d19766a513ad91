import DeepEPStorage
import FoundationEssentials
import Glibc

/// A file of scalars and histograms that TensorBoard shows: records of TFRecord's form, each an `Event` of TensorBoard's protocol
/// (`tensorboard/compat/proto/event.proto`).
package final class TensorBoardFile {
  private let path: String
  private let descriptor: Int32
  private let seconds: () -> Double

  /// Opens a new file in a folder, which is made if it is not there.
  ///
  /// - Parameters:
  ///   - folder: What `tensorboard --logdir` is given, or a folder in it.
  ///   - name: What follows `events.out.tfevents.` in the file's name; by default the time, the process and the host.
  ///   - seconds: The time since 1970.
  /// - Throws: ``StorageError`` if it cannot be written.
  package init(
    folder: String, name: String? = nil,
    seconds: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) throws {
    let host = ProcessInfo.processInfo.hostName
    let name = name ?? "\(Int(seconds())).\(getpid()).\(host)"
    path = "\(folder)/events.out.tfevents.\(name)"
    self.seconds = seconds
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0o666)
    guard descriptor >= 0 else { throw Self.error(at: path) }
    var event = Message()
    event.append(double: seconds(), field: 1)
    event.append(bytes: Array("brain.Event:2".utf8), field: 3)
    try write(event)
  }

  deinit { close(descriptor) }

  /// Adds a number of a step.
  ///
  /// - Throws: ``StorageError`` if it cannot be written.
  package func write(_ tag: String, _ number: Double, step: Int) throws {
    var value = Message()
    value.append(bytes: Array(tag.utf8), field: 1)
    value.append(float: Float(number), field: 2)
    try write(value, step: step)
  }

  /// Adds the statistics of a tapped value: its histogram, and what there is beside it as scalars.
  ///
  /// - Throws: ``StorageError`` if it cannot be written.
  package func write(_ tap: TapReport, step: Int) throws {
    let numbers = [
      ("mean", tap.mean), ("deviation", tap.deviation), ("zeros", tap.zeroShare),
      ("not_finite", tap.notFiniteShare),
    ]
    for (name, number) in numbers { try write("\(tap.title)/\(name)", number, step: step) }
    guard tap.maximum >= tap.minimum else { return }
    var value = Message()
    value.append(bytes: Array(tap.title.utf8), field: 1)
    value.append(bytes: histogram(tap).bytes, field: 5)
    try write(value, step: step)
  }

  /// A `HistogramProto` (`tensorboard/compat/proto/summary.proto`): each bin by its upper limit.
  private func histogram(_ tap: TapReport) -> Message {
    let counts = tap.histogram.map(Double.init)
    let width = (tap.maximum - tap.minimum) / Double(counts.count)
    let count = counts.reduce(0, +)
    var message = Message()
    message.append(double: tap.minimum, field: 1)
    message.append(double: tap.maximum, field: 2)
    message.append(double: count, field: 3)
    message.append(double: tap.mean * count, field: 4)
    let square = tap.deviation * tap.deviation + tap.mean * tap.mean
    message.append(double: square * count, field: 5)
    let limits = counts.indices.map { tap.minimum + width * Double($0 + 1) }
    message.append(doubles: limits, field: 6)
    message.append(doubles: counts, field: 7)
    return message
  }

  private func write(_ value: Message, step: Int) throws {
    var summary = Message()
    summary.append(bytes: value.bytes, field: 1)
    var event = Message()
    event.append(double: seconds(), field: 1)
    event.append(integer: UInt64(clamping: step), field: 2)
    event.append(bytes: summary.bytes, field: 5)
    try write(event)
  }

  private func write(_ event: Message) throws {
    let length = Message.littleEndian(UInt64(event.bytes.count))
    let record =
      length + Message.littleEndian(Checksum.masked(length)) + event.bytes
      + Message.littleEndian(Checksum.masked(event.bytes))
    let written = record.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard written == record.count else { throw Self.error(at: path) }
  }

  private static func error(at path: String) -> StorageError {
    StorageError(
      "TensorBoard's file cannot be written: \(String(cString: strerror(errno)))", at: path,
      fix: "choose another folder with --tensorboard, or free some space")
  }
}

/// A message of Protocol Buffers while it is written.
private struct Message {
  private(set) var bytes: [UInt8] = []

  mutating func append(integer: UInt64, field: UInt64) {
    append(variable: field << 3)
    append(variable: integer)
  }

  mutating func append(double: Double, field: UInt64) {
    append(variable: field << 3 | 1)
    bytes += Message.littleEndian(double.bitPattern)
  }

  mutating func append(bytes: [UInt8], field: UInt64) {
    append(variable: field << 3 | 2)
    append(variable: UInt64(bytes.count))
    self.bytes += bytes
  }

  mutating func append(doubles: [Double], field: UInt64) {
    append(bytes: doubles.flatMap { Message.littleEndian($0.bitPattern) }, field: field)
  }

  mutating func append(float: Float, field: UInt64) {
    append(variable: field << 3 | 5)
    bytes += Message.littleEndian(float.bitPattern)
  }

  private mutating func append(variable number: UInt64) {
    var rest = number
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}

/// CRC-32C (RFC 3720, section 12.1) as TFRecord masks it.
private enum Checksum {
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
    }
    sum = ~sum
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
