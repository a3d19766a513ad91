/// The meaning of a dimension, by which strategies split it.
public enum LogicalAxis: String, Hashable, Codable, Sendable, CaseIterable {
  case batch, sequence, vocabulary, embed, heads, headWidth, hidden, expert
}

/// The meaning of one dimension of a tensor: one axis, or several of which the dimension is made.
///
/// A fused query, key and value weight has a dimension of `3 · heads · headWidth`. Shards follow the
/// heads, not the order of storage: each rank has its heads of all three.
public enum DimensionAxes: Hashable, Sendable {
  /// The whole dimension has one meaning, or none.
  case axis(LogicalAxis?)
  /// The dimension is the product of these factors, the slowest first.
  case factored([AxisFactor])

  /// A dimension without a meaning.
  public static let unnamed = DimensionAxes.axis(nil)

  /// The factors of a dimension of a size; nil if they are not its product.
  package func factors(of size: Int) -> [AxisFactor]? {
    switch self {
    case .axis(let axis): return [AxisFactor(axis, size)]
    case .factored(let factors):
      guard factors.allSatisfy({ $0.size > 0 }) else { return nil }
      return elementCount(of: factors.map(\.size)) == size ? factors : nil
    }
  }
}

/// One factor of a dimension.
public struct AxisFactor: Hashable, Codable, Sendable {
  /// Its meaning, if it has one.
  public var axis: LogicalAxis?
  /// Its extent.
  public var size: Int

  /// Makes a factor.
  public init(_ axis: LogicalAxis?, _ size: Int) {
    self.axis = axis
    self.size = size
  }
}

extension DimensionAxes: Codable {
  /// Reads a name, a list of factors, or nothing.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .unnamed
    } else if let axis = try? container.decode(LogicalAxis.self) {
      self = .axis(axis)
    } else {
      self = .factored(try container.decode([AxisFactor].self))
    }
  }

  /// Writes a name, a list of factors, or nothing.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .axis(let axis): try container.encode(axis)
    case .factored(let factors): try container.encode(factors)
    }
  }
}
