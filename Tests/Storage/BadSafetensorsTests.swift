import DeepEPElements
import DeepEPStorage
import Glibc
import Testing

@Suite struct BadSafetensorsTests {
  /// Opens a file with this header and so many bytes after it.
  static func error(_ header: String, dataByteCount: Int, length: UInt64? = nil) throws -> String? {
    let folder = try TemporaryFolder()
    let count = length ?? UInt64(header.utf8.count)
    let bytes =
      withUnsafeBytes(of: count.littleEndian, Array.init) + Array(header.utf8)
      + [UInt8](repeating: 0, count: dataByteCount)
    let path = try folder.write(bytes, to: "bad")
    do {
      _ = try SafetensorsFile(path)
      return nil
    } catch let error as StorageError {
      #expect(error.place.hasPrefix(path))
      #expect(!error.fix.isEmpty)
      return error.what
    }
  }

  static func tensor(_ name: String, _ shape: String, _ from: String, _ to: String) -> String {
    "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(from),\(to)]}"
  }

  @Test func acceptsAGoodHeader() throws {
    let two = "{\(Self.tensor("b", "1", "4", "8")), \(Self.tensor("a", "1", "0", "4"))}   "
    #expect(try Self.error(two, dataByteCount: 8) == nil)
    #expect(
      try Self.error(
        "{\"\\u00e9\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        dataByteCount: 0) == nil)
  }

  static let badHeaders: [(String, Int, String)] = [
    (
      "{\(tensor("a", "1", "0", "4")),\(tensor("b", "1", "0", "4"))}", 4,
      "begin at 0, those of the tensors before it end at 4"
    ),
    ("{\(tensor("a", "2", "0", "8")),\(tensor("b", "2", "4", "12"))}", 12, "begin at 4, those"),
    ("{\(tensor("a", "1", "0", "4")),\(tensor("b", "1", "8", "12"))}", 12, "begin at 8, those"),
    ("{\(tensor("a", "2", "0", "8"))}", 4, "take 8 bytes, the file has 4"),
    ("{\(tensor("a", "1", "0", "4"))}", 8, "take 4 bytes, the file has 8"),
    ("{\(tensor("a", "3", "0", "8"))}", 8, "takes 12 bytes"),
    ("{\(tensor("a", "1", "4", "0"))}", 4, "data_offsets [4, 0]"),
    ("{\(tensor("a", "-1", "0", "4"))}", 4, "a whole number"),
    ("{\(tensor("a", "1.5", "0", "4"))}", 4, "expected ']'"),
    ("{\(tensor("a", "01", "0", "4"))}", 4, "a whole number"),
    ("{\(tensor("a", "99999999999999999999", "0", "4"))}", 4, "larger than 2^63"),
    ("{\(tensor("a", "4611686018427387904,4", "0", "4"))}", 4, "more than 2^63"),
    ("{\(tensor("a", "1", "0", "4")),\(tensor("a", "1", "4", "8"))}", 8, "'a' appears twice"),
    ("{\"a\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype 'F31'"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "lacks dtype, shape or data_offsets"),
    ("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4, "second or unknown field 'dtype'"),
    ("{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}}", 0, "metadata 'k' appears twice"),
    ("{\"__metadata__\":{\"k\":1}}", 0, "expected '\"'"),
    ("{\"a", 0, "a string has no end"), ("{\"\\ud800\":", 0, "half of a surrogate pair"),
    ("{} x", 0, "something follows"), ("[]", 0, "expected '{'"), ("", 0, "expected '{'"),
  ]

  @Test(arguments: badHeaders)
  func saysWhatIsWrong(_ header: String, _ dataByteCount: Int, _ expected: String) throws {
    let message = try Self.error(header, dataByteCount: dataByteCount)
    #expect(message?.contains(expected) == true, "\(message ?? "no error")")
  }

  @Test func namesFromAFileCannotChangeTheTerminal() throws {
    let name = "\\u001b[2J" + String(repeating: "x", count: 200)
    let message = try Self.error("{\(Self.tensor(name, "3", "0", "4"))}", dataByteCount: 4)
    let shown = "'\\u{1B}[2J" + String(repeating: "x", count: 96) + "…'"
    #expect(message?.contains("tensor \(shown) of float32 [3]") == true, "\(message ?? "")")
  }

  @Test(arguments: [9, 1_000_000, UInt64(Int.max), UInt64.max])
  func refusesALengthBeyondTheFile(_ length: UInt64) throws {
    let message = try Self.error("{}      ", dataByteCount: 0, length: length)
    #expect(message == "not a safetensors file: a header of \(length) bytes in a file of 16")
  }

  @Test(arguments: [0, 1, 7]) func refusesAFileWithoutALength(_ count: Int) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([UInt8](repeating: 0, count: count), to: "short")
    #expect(throws: StorageError.self) { try SafetensorsFile(path) }
  }

  @Test func refusesWhatIsNoFile() throws {
    for path in ["/tmp", "/dev/zero", "/tmp/deepep-nothing-here", "", "/tmp/a\0b"] {
      #expect(throws: StorageError.self) { try SafetensorsFile(path) }
    }
  }
}
