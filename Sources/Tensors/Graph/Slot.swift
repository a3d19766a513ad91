import DeepEPElements

/// What a slot is for.
public enum SlotKind: String, Hashable, Codable, Sendable, CaseIterable {
  case parameter, optimizer, average, statistic, counter, accumulator, cache
  /// What compression has taken from a gradient and will bring back: each rank's own, and no part of a checkpoint.
  case residual
}

/// State of a program that lives from one call to the next.
public struct Slot: Hashable, Codable, Sendable {
  /// Its name in checkpoints, such as `transformer.h.0.attn.c_attn.weight`.
  public var name: String
  /// Its type.
  public var type: Type
  /// Its value at the start.
  public var initializer: Initializer
  /// The meaning of each dimension; empty if none has one.
  public var axes: [DimensionAxes]
  /// What it is for.
  public var kind: SlotKind
  /// Whether the optimiser changes it.
  public var isTrainable: Bool
  /// Which part of a tensor the slot holds, if a rank has only a part of it.
  package var shard: Shard?

  /// Makes a slot.
  public init(
    name: String, type: Type, initializer: Initializer, axes: [DimensionAxes] = [],
    kind: SlotKind, isTrainable: Bool = false
  ) {
    self.name = name
    self.type = type
    self.initializer = initializer
    self.axes = axes
    self.kind = kind
    self.isTrainable = isTrainable
  }
}

/// The part of a tensor that each rank of a mesh has.
package struct Shard: Hashable, Codable, Sendable {
  /// The sizes of the whole tensor's dimensions.
  package var shape: [Int]
  /// How it lies on the mesh.
  package var sharding: Sharding
  /// The mesh.
  package var mesh: Mesh

  /// Describes a part.
  package init(shape: [Int], sharding: Sharding, mesh: Mesh) {
    self.shape = shape
    self.sharding = sharding
    self.mesh = mesh
  }
}

/// How a slot gets its first value.
public indirect enum Initializer: Hashable, Codable, Sendable {
  /// Every element the same.
  case constant(Double)
  /// Every element the same 64-bit integer, which a double could not hold.
  case word(UInt64)
  /// Uniform in `-bound ..< bound`: element `i` is `(u · 2 - 1) · bound` in float32, with `u` the top
  /// 24 bits of word `i` of the random stream.
  case uniform(bound: Double, stream: RandomStream = .byName)
  /// Normal with mean zero (Box-Muller over two words an element).
  case normal(deviation: Double, stream: RandomStream = .byName)
  /// The transpose of a matrix made by another initialiser.
  case transposed(Initializer)

  /// Every element zero.
  public static let zeros = Initializer.constant(0)
  /// Every element one.
  public static let ones = Initializer.constant(1)
}

/// Which sequence of random words a slot draws.
public enum RandomStream: Hashable, Codable, Sendable {
  /// A stream found from the run's seed and the slot's name.
  case byName
  /// A stream of a fixed number, the same for every seed.
  case number(UInt64)
}
