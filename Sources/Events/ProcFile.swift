import Glibc

/// The files by which the kernel tells about itself (proc(5)).
package enum ProcFile {
  /// All of a text; empty if it cannot be read.
  ///
  /// Such files have no size, and one call of read(2) gives a page at most: a reader that goes by either takes the
  /// beginning for the whole, as Foundation's does.
  package static func text(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let count = read(file, &chunk, chunk.count), count > 0 {
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
