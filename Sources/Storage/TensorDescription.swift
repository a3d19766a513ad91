import DeepEPElements

/// A tensor as files know it: a name, an element type and a shape.
public struct TensorDescription: Hashable, Sendable, CustomStringConvertible {
  /// The name, in checkpoints the path of the parameter in its model.
  public let name: String
  /// The type of each element.
  public let element: ElementType
  /// The shape, outermost dimension first; empty for a scalar.
  public let shape: [Int]

  /// Makes a description.
  public init(_ name: String, _ element: ElementType, _ shape: [Int]) {
    self.name = name
    self.element = element
    self.shape = shape
  }

  /// The number of bytes of all elements; nil if a dimension is negative or the product overflows.
  public var byteCount: Int? {
    var count = element.byteCount
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else { return nil }
      count = product
    }
    return count
  }

  /// The type and shape, such as `float32 [2, 3]`.
  public var typeDescription: String { "\(element.rawValue) \(shape)" }
  /// The name, type and shape.
  public var description: String { "\(name): \(typeDescription)" }
}
