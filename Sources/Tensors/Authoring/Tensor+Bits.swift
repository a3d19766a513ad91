import DeepEPElements

extension Tensor {
  /// This tensor in eight bits, with a float32 scale for each block of the last dimension.
  ///
  /// No gradient flows through it.
  ///
  /// - Parameters:
  ///   - element: int8 (symmetric), float8e4m3 or float8e5m2.
  ///   - block: The number of elements that share a scale; the last block may be shorter.
  public func quantized(
    to element: ElementType, block: Int, file: String = #fileID, line: Int = #line
  ) -> (elements: Tensor, scales: Tensor) {
    let quantize = Quantize(element: element, block: block)
    let all = applyAll(quantize, source: SourceLocation(file: file, line: line))
    return (all[0], all[all.count - 1])
  }

  /// The numbers that these quantised elements stand for, given the scales of their blocks.
  public func dequantized(
    scales: Tensor, block: Int, as element: ElementType = .float32, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    apply(
      Dequantize(element: element, block: block), scales,
      source: SourceLocation(file: file, line: line))
  }

  /// These Booleans as uint8, eight to a byte along the last dimension, the first in the lowest bit.
  public func packedBits() -> Tensor { apply(PackBits()) }

  /// The `count` Booleans along the last dimension that ``packedBits()`` stored.
  public func unpackedBits(_ count: Int) -> Tensor { apply(UnpackBits(count: count)) }

  /// The same bits as another element type of the same width.
  public func bitcast(to element: ElementType) -> Tensor { apply(Bitcast(element: element)) }

  /// The same numbers laid out in memory in another way.
  package func relaid(as layout: Layout) -> Tensor { apply(Relayout(layout: layout)) }

  /// The same numbers in another memory.
  package func transferred(to space: MemorySpace) -> Tensor { apply(Transfer(space: space)) }
}
