import DeepEPTensors

/// What a strategy says about single tensors: how parameters, the optimiser's state, gradients and
/// inputs lie on the mesh.
package struct ShardingRules {
  package let strategy: Strategy
  package let mesh: Mesh

  package init(_ strategy: Strategy) {
    self.strategy = strategy
    mesh = strategy.mesh
  }

  /// The axes along which ranks have different data.
  package var dataAxes: [MeshAxis] { [.host, .data].filter { mesh.extent($0) > 1 } }

  /// The mesh axes that split a logical axis, of parameters and activations alike.
  package func axes(for axis: LogicalAxis?) -> [MeshAxis] {
    switch axis {
    case .batch: dataAxes
    case .heads, .hidden, .vocabulary: mesh.extent(.tensor) > 1 ? [.tensor] : []
    default: []
    }
  }

  /// The mesh axis that splits a logical axis of activations where nothing else uses it: the sequence
  /// between tensor-parallel blocks (Korthikanti et al.: Reducing Activation Recomputation in Large
  /// Transformer Models, 2022).
  package func weakAxis(for axis: LogicalAxis?) -> MeshAxis? {
    strategy.sequenceParallel && axis == .sequence && mesh.extent(.tensor) > 1 ? .tensor : nil
  }

  /// How a tensor with named dimensions is split while layers compute with it.
  package func computing(_ axes: [DimensionAxes], _ shape: [Int]) -> Sharding {
    var used: Set<MeshAxis> = []
    return Sharding(
      shape.enumerated().map { dimension, size in
        let named = dimension < axes.count ? axes[dimension].factors(of: size) : nil
        return (named ?? [AxisFactor(nil, size)]).map { factor in
          let axes = self.axes(for: factor.axis)
          guard factor.size > 1, used.isDisjoint(with: axes) else {
            return ShardedFactor(factor.size)
          }
          used.formUnion(axes)
          return ShardedFactor(factor.size, axes)
        }
      })
  }

  /// The same tensor with the data-parallel ranks sharing it too (Rajbhandari et al.: ZeRO: Memory
  /// Optimizations Toward Training Trillion Parameter Models, 2020).
  ///
  /// The largest factor that divides is split, else the largest that gives every rank something; a
  /// tensor that is too small stays whole.
  package func shared(_ axes: [DimensionAxes], _ shape: [Int]) -> Sharding {
    let sharding = computing(axes, shape)
    let count = mesh.extent(dataAxes)
    guard count > 1, sharding.axes.isDisjoint(with: dataAxes) else { return sharding }
    var best: (score: (Int, Int), dimension: Int, factor: Int)?
    for (dimension, factors) in sharding.dimensions.enumerated() {
      for (index, factor) in factors.enumerated() where factor.localSize(mesh) >= count {
        let isEven = factor.size % (mesh.extent(factor.axes) * count) == 0
        let score = (isEven ? 1 : 0, factor.localSize(mesh))
        if best.map({ $0.score < score }) ?? true { best = (score, dimension, index) }
      }
    }
    guard let best else { return sharding }
    var result = sharding
    // What neighbours share is cut once more between groups, so that it is whole there after one gather.
    result.dimensions[best.dimension][best.factor].axes += dataAxes.reversed()
    return result
  }

  /// How a parameter lies among neighbours from forward to backward; nil if it is not kept there.
  func secondary(_ slot: Slot) -> Sharding? {
    guard slot.kind == .parameter, strategy.zero >= 3, mesh.extent(.host) > 1 else { return nil }
    let stored = storage(slot)
    return stored.axes.contains(.host) ? stored.without([.host]) : nil
  }

  /// How a slot lies on the mesh between calls.
  package func storage(_ slot: Slot) -> Sharding {
    let shape = slot.type.shape
    switch slot.kind {
    case .parameter where strategy.zero >= 3,
      .optimizer where strategy.zero >= 1, .average where strategy.zero >= 1:
      return shared(slot.axes, shape)
    // With compression the sums over micro-batches are exact, and rounded once.
    case .accumulator where strategy.zero >= 2 && strategy.compression == .none:
      return shared(slot.axes, shape)
    case .accumulator, .residual:
      // Each rank keeps the sum over its own data; the ranks' sums are added once, in the update.
      // What is split over the batch each rank has alone.
      let own = computing(slot.axes, shape)
      let axes = own.axes.isDisjoint(with: dataAxes) ? dataAxes : []
      return Sharding(
        own.dimensions, partial: Dictionary(uniqueKeysWithValues: axes.map { ($0, .sum) }))
    case .parameter, .optimizer, .average, .statistic: return computing(slot.axes, shape)
    case .counter, .cache: return Sharding(whole: shape)
    }
  }

  /// Which part of a slot's tensor each rank holds; nil if every rank has all of it.
  package func shard(_ slot: Slot) -> Shard? {
    let sharding = storage(slot)
    guard !sharding.isWhole else { return nil }
    return Shard(shape: slot.type.shape, sharding: sharding, mesh: mesh)
  }

  /// How the whole gradient by a parameter lies on the mesh: as the optimiser's state does.
  package func gradient(_ axes: [DimensionAxes], _ shape: [Int]) -> Sharding {
    strategy.zero >= 1 ? shared(axes, shape) : computing(axes, shape)
  }

  /// How an input is split: over the batch.
  package func input(_ input: EntryInput) -> Sharding {
    computing(input.axes.map { $0 == .axis(.batch) ? $0 : .unnamed }, input.type.shape)
  }
}
