/// How types speak of bounded dimensions.
extension Dimension {
  /// The value that says how much is valid; nil for a fixed dimension.
  public var extent: Value? {
    if case .bounded(_, let extent) = self { extent } else { nil }
  }

  /// A dimension of an argument whose extent is an earlier argument of the same entry.
  ///
  /// - Parameters:
  ///   - maximum: The size of the dimension in memory.
  ///   - index: The position of the int32 scalar among the entry's inputs.
  public static func bounded(maximum: Int, byInput index: Int) -> Dimension {
    .bounded(maximum: maximum, extent: Value(node: index))
  }

  /// The dimension with its extent replaced.
  package func mappingExtent(_ map: (Value) throws -> Value) rethrows -> Dimension {
    guard case .bounded(let maximum, let extent) = self else { return self }
    return .bounded(maximum: maximum, extent: try map(extent))
  }
}

extension Type {
  /// Whether a dimension is bounded.
  public var isBounded: Bool { dimensions.contains { $0.extent != nil } }

  /// The values that say how much of the bounded dimensions is valid, outermost first.
  package var extents: [Value] { dimensions.compactMap(\.extent) }

  /// The type for which memory is planned: every dimension is fixed.
  package var atMaximum: Type { isBounded ? with(shape: shape) : self }

  /// The type with the extents of bounded dimensions replaced.
  package func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Type {
    isBounded ? with(dimensions: try dimensions.map { try $0.mappingExtent(map) }) : self
  }
}

extension Node {
  /// The node with the extents of bounded dimensions replaced, in its types and attributes.
  package func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Node {
    guard types.contains(where: \.isBounded) else { return self }
    var node = self
    node.types = try types.map { try $0.mappingExtents(map) }
    node.operation = try operation.mappingExtents(map)
    return node
  }
}

extension Entry {
  /// Whether a value or an argument has a bounded dimension.
  package var isBounded: Bool {
    inputs.contains { $0.type.isBounded }
      || graph.nodes.contains { $0.types.contains(where: \.isBounded) }
  }
}
