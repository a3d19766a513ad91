import DeepEPElements

/// The interpreter keeps only the valid part of a value: to it, an extent is a size.
extension HostArray {
  /// The first elements along each dimension.
  package func cut(to shape: [Int]) -> HostArray {
    guard shape != self.shape else { return self }
    return gathered(positions(of: shape, in: self.shape) { $0 }, shape: shape)
  }

  /// A larger array that begins with this one along each dimension.
  package func extended(to shape: [Int], with filling: Scalar) -> HostArray {
    guard shape != self.shape else { return self }
    var scalars = Array(repeating: filling, count: shape.reduce(1, *))
    for (source, place) in positions(of: self.shape, in: shape, { $0 }).enumerated() {
      scalars[place] = self[source]
    }
    return HostArray(element, shape, scalars: scalars)
  }
}

extension ElementType {
  /// What the interpreter returns for elements that are undefined: not a number, or a conspicuous
  /// integer.
  package var undefinedElement: Scalar {
    if isFloatingPoint { return .floating(.nan) }
    return .integer(wrapped(0x5A5A_5A5A_5A5A_5A5A))
  }
}

extension Type {
  /// The type of the valid part, given the values of extents.
  ///
  /// - Throws: ``ExtentError`` if an extent is out of range.
  func valid(_ extent: (Value) -> Int) throws -> Type {
    guard isBounded else { return self }
    return with(
      shape: try dimensions.map { dimension in
        guard case .bounded(let maximum, let value) = dimension else { return dimension.size }
        let count = extent(value)
        guard (0...maximum).contains(count) else {
          throw ExtentError(value: value, extent: count, maximum: maximum)
        }
        return count
      })
  }
}
