import DeepEPStorage
import Glibc

/// A folder for the files of a test, which goes away with it.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/deepep-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw StorageError("cannot make a folder", at: "/tmp", fix: "check /tmp")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in names { unlink(file(name)) }
    rmdir(path)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The names of all files, sorted.
  var names: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    guard let stream = fopen(file(name), "w") else {
      throw StorageError("cannot write", at: name, fix: "check /tmp")
    }
    defer { fclose(stream) }
    _ = fwrite(bytes, 1, bytes.count, stream)
    return file(name)
  }
}

/// All bytes of a file, read without the code under test.
func contents(_ path: String) -> [UInt8] {
  guard let stream = fopen(path, "r") else { return [] }
  defer { fclose(stream) }
  var bytes = [UInt8](repeating: 0, count: 1 << 20)
  return Array(bytes[..<fread(&bytes, 1, bytes.count, stream)])
}

/// A small generator whose numbers are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
  }
}
