/// How the last dimension of a tensor is divided into blocks; the last one may be shorter.
struct Blocks {
  private let length: Int
  private let block: Int
  private let count: Int

  init(_ shape: [Int], _ block: Int) {
    length = max(1, shape.last ?? 1)
    self.block = block
    count = blockCount(length, block)
  }

  /// The block, counted row-major over all of the tensor, of the element at a position.
  func block(of position: Int) -> Int {
    position / length * count + position % length / block
  }
}

/// The number of blocks that cover a number of elements.
func blockCount(_ length: Int, _ block: Int) -> Int {
  length / block + (length % block == 0 ? 0 : 1)
}

extension Type {
  /// The type with one element for each block of the last dimension.
  func blocked(by block: Int) -> Type {
    var result = self
    guard let last = dimensions.last else { return self }
    result.dimensions[rank - 1] = .fixed(blockCount(last.size, block))
    return result
  }
}

/// The factors of an operation on blocks: outer dimensions can be cut, and blocks from one another
/// where all are of one size; what is inside of a block cannot.
struct BlockFactors {
  /// What each dimension of the elements walks.
  private(set) var elements: [[Int]]
  /// What each dimension of the blocks walks.
  private(set) var blocks: [[Int]]
  private var all: Factors

  init(_ shape: [Int], _ block: Int) {
    let outer = shape.dropLast()
    let length = shape.last ?? 1
    all = Factors(sizes: Array(outer), operands: [], results: [])
    elements = outer.indices.map { [$0] }
    blocks = elements
    if length % block == 0 {
      let (count, inner) = (all.addLoop(length / block), all.addWhole(block))
      elements.append([count, inner])
      blocks.append([count])
    } else {
      elements.append([all.addWhole(length)])
      blocks.append([all.addIndexed(blockCount(length, block))])
    }
  }

  /// The factors of an operation that walks these.
  func factors(operands: [[[Int]]], results: [[[Int]]]) -> Factors {
    var factors = all
    factors.operands = operands
    factors.results = results
    return factors
  }
}
