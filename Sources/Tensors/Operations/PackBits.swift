import DeepEPElements

/// Booleans as bits, eight to a byte.
///
/// Element `8 j + i` of the last dimension is bit `i`, counted from the lowest, of byte `j`. Bits past
/// the end are zero.
package struct PackBits: Operation {
  package var name: String { "packBits" }

  package init() {}

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard operands[0].element == .bool, operands[0].rank > 0 else {
      throw ShapeError(name, "needs Booleans with a dimension, got \(operands[0])")
    }
    return [operands[0].with(element: .uint8).blocked(by: 8)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = BlockFactors(operands[0].shape, 8)
    return loops.factors(operands: [loops.elements], results: [loops.blocks])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (length, blocks) = (operands[0].shape.last ?? 1, Blocks(operands[0].shape, 8))
    var bytes = [Int64](repeating: 0, count: types[0].elementCount)
    for (place, bit) in operands[0].integers.enumerated() {
      bytes[blocks.block(of: place)] |= bit << Int64(place % length % 8)
    }
    return [HostArray(.uint8, types[0].shape, integers: bytes)]
  }
}

/// The Booleans that ``PackBits`` stored.
package struct UnpackBits: Operation {
  /// The number of Booleans along the last dimension.
  package var count: Int
  package var name: String { "unpackBits" }

  package init(count: Int) {
    self.count = count
  }

  package func resized(to results: [Type]) -> any Operation {
    UnpackBits(count: results[0].shape.last ?? count)
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    guard operands[0].element == .uint8, let bytes = operands[0].shape.last else {
      throw ShapeError(name, "needs uint8 with a dimension, got \(operands[0])")
    }
    guard count >= 0, blockCount(count, 8) == bytes else {
      throw ShapeError(name, "\(count) bits are not what \(operands[0]) holds")
    }
    var result = operands[0].with(element: .bool)
    result.dimensions[result.rank - 1] = .fixed(count)
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = BlockFactors(results[0].shape, 8)
    return loops.factors(operands: [loops.blocks], results: [loops.elements])
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (bytes, blocks) = (operands[0].integers, Blocks(types[0].shape, 8))
    let bits = (0..<types[0].elementCount).map { place in
      bytes[blocks.block(of: place)] >> Int64(place % count % 8) & 1
    }
    return [HostArray(.bool, types[0].shape, integers: bits)]
  }
}
