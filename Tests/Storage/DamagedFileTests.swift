import DeepEPElements
import DeepEPStorage
import Foundation
import Testing

/// Damaged files end in a value or in one ``StorageError``, and take no more memory than they are large.
///
/// `DEEPEP_FUZZ_FILES` says how many there are of all kinds together.
@Suite struct DamagedFileTests {
  enum Kind: String, CaseIterable {
    case tensors, checkpoint, tokens

    /// A whole file.
    func write(to path: String) throws {
      switch self {
      case .tensors:
        try SafetensorsWriter.write(
          fixtureTensors(), metadata: ["format": "pt", "é\"\\\n": "\u{1}"], to: path)
      case .checkpoint:
        let moment = Checkpoint.optimizerName("first_moment", of: "w")
        try Checkpoint.write(
          [TensorToWrite("w", [2, 3], [1, 2, 3, 4, 5, 6]), TensorToWrite(moment, [1], [9])],
          state: CheckpointState(
            step: 12, dataPosition: 192, modelConfiguration: "{\"width\": 2}", tokenizer: "{}",
            notes: ["seed": "7"]), to: path)
      case .tokens:
        try TokenFile.write(
          [[0, 1, 2, 1], [2, 2]], by: CharacterTokenizer(text: "abc"), source: "abc", to: path)
      }
    }

    /// Reads a file as far as a run does.
    func read(_ path: String) throws {
      switch self {
      case .tensors:
        for tensor in try SafetensorsFile(path).tensors {
          #expect(tensor.withBytes { $0.count } == tensor.tensor.byteCount)
        }
      case .checkpoint:
        let checkpoint = try Checkpoint(path)
        #expect(checkpoint.state.step >= 0 && checkpoint.state.dataPosition >= 0)
        try checkpoint.check(checkpoint.file.tensors.map(\.tensor))
      case .tokens:
        let file = try TokenFile(path)
        #expect(file.texts.map { Array($0) } == [[0, 1, 2, 1], [2, 2]])
      }
    }
  }

  private static let count =
    ProcessInfo.processInfo.environment["DEEPEP_FUZZ_FILES"].flatMap(Int.init) ?? 10_000

  @Test(arguments: Kind.allCases) func filesNeverTrap(_ kind: Kind) throws {
    let folder = try TemporaryFolder()
    try kind.write(to: folder.file("whole"))
    let original = contents(folder.file("whole"))
    var generator = SeededGenerator(state: 20_261_128)
    var (refused, count) = (0, 0)
    let before = Self.peakBytes
    while count < Self.count / Kind.allCases.count {
      let path = try folder.write(Self.damaged(original, &generator), to: "fuzzed")
      count += 1
      do { try kind.read(path) } catch is StorageError { refused += 1 }
    }
    #expect(refused > count / 2)
    #expect(Self.peakBytes - before < 32 << 20)
  }

  private static var peakBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss << 10
  }

  // MARK: Damage

  /// Numbers at which sums and sizes overflow.
  private static let numbers = [
    "0", "1", "7", "8", "9", "-1", "1e9", "4294967296", "2147483648", "9223372036854775807",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "0.5", "null", "[]",
  ]

  private static func damaged(
    _ original: [UInt8], _ generator: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 16 {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
      case 1:
        bytes[Int.random(in: 0..<8, using: &generator)] = .random(in: 0...255, using: &generator)
      case 2:
        bytes.insert(
          .random(in: 0...255, using: &generator),
          at: Int.random(in: 8..<bytes.count, using: &generator))
      case 3: bytes.remove(at: Int.random(in: 8..<bytes.count, using: &generator))
      case 4: bytes += [UInt8](repeating: 0, count: Int.random(in: 1...64, using: &generator))
      case 5, 6: replaceNumber(&bytes, &generator)
      default: replaceCharacter(&bytes, &generator)
      }
    }
    return bytes
  }

  /// Another number in the header, whose length is then right again.
  private static func replaceNumber(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let start = Int.random(in: 8..<bytes.count, using: &generator)
    guard let first = bytes[start...].firstIndex(where: digits.contains) else { return }
    let end = bytes[first...].firstIndex { !digits.contains($0) } ?? bytes.count
    let number = Array((Self.numbers.randomElement(using: &generator) ?? "").utf8)
    bytes.replaceSubrange(first..<end, with: number)
    let length = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    let change = Int64(number.count - (end - first))
    let right = (Int64(bitPattern: length) &+ change).littleEndian
    withUnsafeBytes(of: right) { bytes.replaceSubrange(0..<8, with: $0) }
  }

  private static func replaceCharacter(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    let interesting = Array("0123456789{}[]\",:\\u eF\u{0}".utf8)
    let position = Int.random(in: 8..<bytes.count, using: &generator)
    bytes[position] = interesting.randomElement(using: &generator) ?? 0
  }
}
