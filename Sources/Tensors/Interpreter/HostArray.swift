import DeepEPElements

/// Numbers in the host's memory: what the interpreter computes with and what programs return.
///
/// Floating-point elements are kept as doubles that the element type can represent, integers as
/// 64-bit patterns, so that every type is exact.
public struct HostArray: Hashable, Sendable {
  /// The numbers, row-major.
  public enum Storage: Hashable, Sendable {
    /// Elements of a floating-point type.
    case floating([Double])
    /// Elements of an integer or Boolean type.
    case integer([Int64])
  }

  /// The element type.
  public let element: ElementType
  /// The sizes of the dimensions, outermost first.
  public let shape: [Int]
  /// The elements.
  public let storage: Storage

  /// Makes an array; the numbers are rounded to the element type.
  package init(_ element: ElementType, _ shape: [Int], _ numbers: [Double]) {
    precondition(numbers.count == shape.reduce(1, *), "as many numbers as the shape says")
    self.element = element
    self.shape = shape
    storage =
      element.isFloatingPoint
      ? .floating(numbers.map { element.rounded($0) })
      : .integer(numbers.map { element.integer(from: $0) })
  }

  /// Makes an array of integers.
  package init(_ element: ElementType, _ shape: [Int], integers: [Int64]) {
    precondition(integers.count == shape.reduce(1, *), "as many integers as the shape says")
    self.element = element
    self.shape = shape
    storage =
      element.isFloatingPoint
      ? .floating(integers.map { element.rounded(Double($0)) })
      : .integer(integers.map { element.wrapped($0) })
  }

  /// Makes an array of elements that the element type can represent.
  init(_ element: ElementType, _ shape: [Int], exact storage: Storage) {
    self.element = element
    self.shape = shape
    self.storage = storage
  }

  /// The elements as doubles; 64-bit integers lose their low bits.
  public var doubles: [Double] {
    switch storage {
    case .floating(let numbers): numbers
    case .integer(let integers):
      element == .uint64
        ? integers.map { Double(UInt64(bitPattern: $0)) } : integers.map { Double($0) }
    }
  }

  /// The elements as integers; fractions are cut off.
  public var integers: [Int64] {
    switch storage {
    case .floating(let numbers): numbers.map { ElementType.int64.integer(from: $0) }
    case .integer(let integers): integers
    }
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The type of a value that holds this array.
  package var type: Type { Type(element, shape) }

  /// The elements at given positions, in a new shape.
  package func gathered(_ positions: [Int], shape: [Int]) -> HostArray {
    switch storage {
    case .floating(let numbers): HostArray(element, shape, positions.map { numbers[$0] })
    case .integer(let integers):
      HostArray(element, shape, integers: positions.map { integers[$0] })
    }
  }

  /// The same elements in another shape.
  package func reshaped(_ shape: [Int]) -> HostArray { gathered(Array(0..<count), shape: shape) }
}

/// Calls `body` with every index of a shape in row-major order.
package func forEachIndex(_ shape: [Int], _ body: ([Int]) throws -> Void) rethrows {
  guard !shape.contains(0) else { return }
  var index = [Int](repeating: 0, count: shape.count)
  while true {
    try body(index)
    var dimension = shape.count - 1
    while dimension >= 0, index[dimension] == shape[dimension] - 1 {
      index[dimension] = 0
      dimension -= 1
    }
    if dimension < 0 { return }
    index[dimension] += 1
  }
}

/// The row-major positions of a source that `map` finds for every index of a shape.
package func positions(of shape: [Int], in source: [Int], _ map: ([Int]) -> [Int]) -> [Int] {
  let strides = rowMajorStrides(source)
  var positions: [Int] = []
  positions.reserveCapacity(shape.reduce(1, *))
  forEachIndex(shape) { index in
    positions.append(zip(map(index), strides).reduce(0) { $0 + $1.0 * $1.1 })
  }
  return positions
}
