/// How a source of [outer, blocks, bytes] is cut so that a piece fits into shared memory.
///
/// A piece is some whole outer indices, or a part of the blocks of one.
struct Pieces: Sequence {
  struct Piece {
    let outers: Range<Int>
    /// Which bytes of each block.
    let part: Range<Int>
    let blockCount: Int

    /// Where the part of a block lies in the piece.
    func offset(_ outer: Int, _ block: Int) -> Int {
      ((outer - outers.lowerBound) * blockCount + block) * part.count
    }
  }

  let outerCount: Int
  let blockCount: Int
  let blockBytes: Int
  let byteLimit: Int

  /// Parts begin at multiples of 64 bytes, so they hold whole elements.
  private var partBytes: Int { Swift.max(64, byteLimit / blockCount / 64 * 64) }

  /// How many outer indices fit into a piece; zero if not even one does.
  private var outersPerPiece: Int {
    blockBytes == 0 ? outerCount : byteLimit / (blockCount * blockBytes)
  }

  func makeIterator() -> AnyIterator<Piece> {
    var (outer, start) = (0, 0)
    return AnyIterator {
      guard outer < outerCount else { return nil }
      if outersPerPiece > 0 {
        let end = Swift.min(outerCount, outer + outersPerPiece)
        defer { outer = end }
        return Piece(outers: outer..<end, part: 0..<blockBytes, blockCount: blockCount)
      }
      let end = Swift.min(blockBytes, start + partBytes)
      defer { (outer, start) = end == blockBytes ? (outer + 1, 0) : (outer, end) }
      return Piece(outers: outer..<outer + 1, part: start..<end, blockCount: blockCount)
    }
  }
}
