import DeepEPElements

/// One dimension of a tensor.
///
/// A bounded dimension has a maximum, for which memory is planned, and an int32 value of the same
/// graph that says how much of it is valid (tokens per expert, a short batch).
public enum Dimension: Hashable, Sendable {
  /// A size known when the program is built.
  case fixed(Int)
  /// A size up to `maximum`; the scalar value `extent` says how much of it is valid.
  case bounded(maximum: Int, extent: Value)

  /// The size for which memory is planned.
  public var size: Int {
    switch self {
    case .fixed(let size): size
    case .bounded(let maximum, _): maximum
    }
  }
}

/// How the elements of a value lie in memory.
///
/// Only the `relayout` operation, kernels and byte counts see layouts.
public enum Layout: Hashable, Codable, Sendable {
  /// The last dimension varies fastest; nothing between elements.
  case rowMajor
  /// A library's own format, known by `name` and taking `byteCount` bytes.
  case opaque(name: String, byteCount: Int)
}

/// The memory in which a value lives.
public enum MemorySpace: String, Hashable, Codable, Sendable, CaseIterable {
  case device, shared, host, file
}

/// The type of a value of a program: logical shape, element type, layout, memory space.
public struct Type: Hashable, Sendable {
  /// The type of each element.
  public var element: ElementType
  /// The logical shape, outermost dimension first.
  public var dimensions: [Dimension]
  /// How the elements lie in memory.
  public var layout: Layout
  /// Where they lie.
  public var space: MemorySpace

  /// Makes a type from dimensions.
  public init(
    _ element: ElementType, dimensions: [Dimension], layout: Layout = .rowMajor,
    space: MemorySpace = .device
  ) {
    self.element = element
    self.dimensions = dimensions
    self.layout = layout
    self.space = space
  }

  /// Makes a type of fixed dimensions, row-major in device memory.
  public init(_ element: ElementType, _ shape: [Int]) {
    self.init(element, dimensions: shape.map { .fixed($0) })
  }

  /// The sizes of all dimensions; the maximum of bounded ones.
  public var shape: [Int] { dimensions.map(\.size) }
  /// The number of dimensions.
  public var rank: Int { dimensions.count }
  /// The number of elements for which memory is planned.
  public var elementCount: Int { DeepEPTensors.elementCount(of: shape) }
  /// The number of bytes for which memory is planned.
  public var byteCount: Int {
    if case .opaque(_, let bytes) = layout { return bytes }
    return DeepEPTensors.elementCount(of: [elementCount, element.byteCount])
  }
}

extension Type {
  /// The same type with another shape of fixed dimensions.
  public func with(shape: [Int]) -> Type {
    Type(element, dimensions: shape.map { .fixed($0) }, layout: layout, space: space)
  }

  /// The same type with other dimensions.
  package func with(dimensions: [Dimension]) -> Type {
    Type(element, dimensions: dimensions, layout: layout, space: space)
  }

  /// The same type with another element type.
  public func with(element: ElementType) -> Type {
    Type(element, dimensions: dimensions, layout: layout, space: space)
  }
}

/// The number of elements of a shape; the largest integer if there are more.
package func elementCount(of shape: [Int]) -> Int {
  if shape.contains(0) { return 0 }
  var count = 1
  for size in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: size)
    if overflow { return .max }
    count = product
  }
  return count
}

/// The distance in elements between neighbours along each dimension of a row-major tensor.
public func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for dimension in shape.indices.dropLast().reversed() {
    strides[dimension] = strides[dimension + 1] * shape[dimension + 1]
  }
  return strides
}
