/// Room for what a C shim says when it fails.
struct CMessage {
  private var bytes: [CChar]

  init(byteCount: Int = 512) { bytes = [CChar](repeating: 0, count: byteCount) }

  mutating func fill<Result>(_ body: (UnsafeMutablePointer<CChar>, Int) -> Result?) -> Result? {
    bytes.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { body($0, buffer.count) }
    }
  }

  var text: String {
    String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
