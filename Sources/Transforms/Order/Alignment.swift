/// How memory is handed out.
package enum Alignment {
  /// The alignment of every value: a cache line and the widest vector.
  package static let byteCount = 64

  /// The bytes that a value of some bytes takes.
  package static func rounded(_ byteCount: Int) -> Int {
    (byteCount + Self.byteCount - 1) / Self.byteCount * Self.byteCount
  }
}
