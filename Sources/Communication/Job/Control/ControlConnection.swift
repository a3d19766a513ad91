import Glibc

/// A connection on which control messages travel, for one thread.
final class ControlConnection {
  let socket: Socket
  private var input: FrameBuffer
  private var output: [UInt8] = []
  private var written = 0
  /// Why nothing can be written any more, once that was seen.
  private var writeEnd: String?
  /// The rank at the other end, once it has said so.
  var rank: Int?
  /// When it was accepted.
  let startSeconds: Double
  /// Whether it ends as soon as everything is written.
  var isEnding = false

  /// - Parameter early: bytes that were read before.
  init(_ socket: Socket, frameLimit: Int, startSeconds: Double = 0, early: [UInt8] = []) {
    self.socket = socket
    self.startSeconds = startSeconds
    input = FrameBuffer(limit: frameLimit)
    early.withUnsafeBytes { input.append($0) }
  }

  /// What was read and is no whole message yet.
  var unread: [UInt8] { input.rest }

  /// Lets longer messages come, from a rank that was admitted.
  func allowLongFrames() { input.limit = JobLimits.frameBytes }

  var hasOutput: Bool { written < output.count }

  /// Puts a message at the end of what is to be written.
  ///
  /// - Returns: false if the other side has not read for so long that there is no more room.
  @discardableResult
  func send(_ message: ControlMessage) -> Bool { send(message.frame) }

  @discardableResult
  func send(_ frame: [UInt8]) -> Bool {
    guard output.count - written + frame.count <= JobLimits.outputBytes else { return false }
    output += frame
    return true
  }

  /// Writes what there is room for.
  ///
  /// Where nothing can be written any more, the other side's last messages may still be unread, and say why: so
  /// ``receive(_:)`` tells of the end, after them.
  func flush() {
    while hasOutput, writeEnd == nil {
      switch output.withUnsafeBytes({ socket.write(.init(rebasing: $0[written...])) }) {
      case .bytes(let count): written += count
      case .wait: return
      case .closed(let reason): writeEnd = reason
      }
    }
    output.removeAll(keepingCapacity: output.count < 1 << 16)
    written = 0
  }

  /// Reads what is there, a bounded part of it, and hands over the whole messages.
  ///
  /// - Returns: why the connection is over, if it is; its last messages were handed over.
  /// - Throws: ``FrameError``, and what `body` throws.
  func receive(_ body: (ControlMessage) throws -> Void) throws -> String? {
    try handOver(body)
    return try read { bytes in
      input.append(bytes)
      try handOver(body)
    }
  }

  /// Reads what is there and forgets it; returns why the connection is over, if it is.
  func drain() -> String? { read { _ in } }

  private func handOver(_ body: (ControlMessage) throws -> Void) throws {
    while let frame = try input.next() { try body(try ControlMessage(frame)) }
  }

  private func read(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows -> String? {
    try withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 8) { buffer in
      for _ in 0..<16 {
        switch socket.read(into: buffer) {
        case .wait: return writeEnd
        case .closed(let reason): return writeEnd ?? reason
        case .bytes(let count): try body(.init(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        }
      }
      return nil
    }
  }
}
