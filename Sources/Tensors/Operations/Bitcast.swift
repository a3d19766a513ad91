import DeepEPElements

/// The same bits as another element type of the same width.
///
/// Booleans can be read as other bytes, but not the other way round: they have only two patterns.
package struct Bitcast: Operation {
  /// The element type of the result.
  package var element: ElementType
  package var name: String { "bitcast" }

  package init(element: ElementType) {
    self.element = element
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 1)
    let source = operands[0].element
    guard source.byteCount == element.byteCount, element != .bool || source == .bool else {
      throw ShapeError(
        name,
        "the bits of \(operands[0]) are no \(element.rawValue): \(source.byteCount) bytes "
          + "against \(element.byteCount), and none but Booleans are read as Booleans")
    }
    return [operands[0].with(element: element)]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    .elementwise(results[0].shape, operands: 1, flops: 0)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let x = operands[0]
    let scalars = (0..<x.count).map { element.scalar(bits: x.element.bits(x[$0])) }
    return [HostArray(element, x.shape, scalars: scalars)]
  }
}
