/// The format of one kept kernel.
///
/// All numbers are little-endian words of 64 bits: what kind of file this is and its version, two of
/// the digest of what was compiled and how, the number of bytes of object code, two of the code's
/// digest; then the code.
enum KernelFile {
  /// The characters `DEEPEPK` and the version, 1.
  private static let magic: UInt64 = 0x014B_5045_5045_4544
  static let headerByteCount = 48
  /// No kernel is this large; a longer file is not read.
  static let largestByteCount = 1 << 24

  /// The bytes of a file.
  static func bytes(_ object: [UInt8], key: ContentDigest) -> [UInt8] {
    header(object, key).flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
      + object
  }

  /// The object code of a file; nil if anything in it is not as it was written for this key.
  static func object(_ file: [UInt8], key: ContentDigest) -> [UInt8]? {
    guard file.count > headerByteCount else { return nil }
    let object = Array(file[headerByteCount...])
    return file == bytes(object, key: key) ? object : nil
  }

  private static func header(_ object: [UInt8], _ key: ContentDigest) -> [UInt64] {
    let digest = object.withUnsafeBytes { ContentDigest($0) }
    return [
      magic, key.words.0, key.words.1, UInt64(object.count), digest.words.0, digest.words.1,
    ]
  }
}
