/// A factor of a dimension, and the mesh axes over whose ranks it is split, the outermost first.
package struct ShardedFactor: Hashable, Codable, Sendable {
  /// Its extent over all ranks.
  package var size: Int
  /// The axes that split it; empty if every rank has all of it.
  package var axes: [MeshAxis]

  /// Makes a factor.
  package init(_ size: Int, _ axes: [MeshAxis] = []) {
    self.size = size
    self.axes = axes
  }

  /// The extent on one rank, padding included: each axis rounds up.
  package func localSize(_ mesh: Mesh) -> Int {
    axes.reduce(size) { ($0 + mesh.extent($1) - 1) / mesh.extent($1) }
  }

  /// Whether some rank has padding.
  package func isUneven(_ mesh: Mesh) -> Bool { localSize(mesh) * mesh.extent(axes) != size }
}

/// How a value lies on the mesh: for each dimension how it is split, and what is still owed.
package struct Sharding: Hashable, Codable, Sendable {
  /// For each dimension its factors, the slowest first: their sizes multiply to the dimension's.
  package var dimensions: [[ShardedFactor]]
  /// The axes along which each rank has only a part of the value, and how parts are combined.
  package var partial: [MeshAxis: Reduction]

  /// Makes a sharding; neighbouring factors that no axis splits become one.
  package init(_ dimensions: [[ShardedFactor]], partial: [MeshAxis: Reduction] = [:]) {
    self.dimensions = dimensions.map { $0.joined }
    self.partial = partial
  }

  /// Every rank has the whole value of a shape.
  package init(whole shape: [Int]) {
    self.init(shape.map { [ShardedFactor($0)] })
  }

  /// The axes that split some dimension.
  package var axes: Set<MeshAxis> { Set(dimensions.joined().flatMap(\.axes)) }

  /// Whether every rank has the whole value.
  package var isWhole: Bool { axes.isEmpty && partial.isEmpty }

  /// The shape on one rank, padding included.
  package func localShape(_ mesh: Mesh) -> [Int] {
    dimensions.map { $0.reduce(1) { $0 * $1.localSize(mesh) } }
  }

  /// The same sharding without some axes.
  package func without(_ axes: Set<MeshAxis>) -> Sharding {
    Sharding(
      dimensions.map { factors in
        factors.map { factor in
          ShardedFactor(factor.size, factor.axes.filter { !axes.contains($0) })
        }
      }, partial: partial.filter { !axes.contains($0.key) })
  }

  /// The same dimensions, with nothing owed.
  package var settled: Sharding { Sharding(dimensions) }
}

extension [ShardedFactor] {
  /// The same factors; neighbours that no axis splits are one.
  package var joined: [ShardedFactor] {
    var result: [ShardedFactor] = []
    for factor in self where factor.size != 1 || !factor.axes.isEmpty {
      if let last = result.last, last.axes.isEmpty, factor.axes.isEmpty {
        result[result.count - 1].size *= factor.size
      } else {
        result.append(factor)
      }
    }
    return result.isEmpty ? [ShardedFactor(1)] : result
  }

  /// The product of the sizes.
  package var size: Int { reduce(1) { $0 * $1.size } }

  /// The factors cut where dimensions of given sizes begin, one list for each; nil if a boundary lies
  /// within what an axis splits.
  package func cut(at sizes: [Int], _ mesh: Mesh) -> [[ShardedFactor]]? {
    if sizes.count == 1 { return sizes[0] == size ? [joined] : nil }
    guard !sizes.contains(0) else { return nil }
    var rest = self[...]
    var result: [[ShardedFactor]] = []
    for size in sizes {
      var (taken, missing) = ([ShardedFactor](), size)
      while missing > 1 {
        guard let next = rest.popFirst() else { return nil }
        if missing % next.size == 0 {
          taken.append(next)
          missing /= next.size
        } else if next.size % missing == 0, missing % mesh.extent(next.axes) == 0 {
          taken.append(ShardedFactor(missing, next.axes))
          rest = [ShardedFactor(next.size / missing)] + rest
          missing = 1
        } else {
          return nil
        }
      }
      result.append(taken.joined)
    }
    return rest.allSatisfy { $0.size == 1 && $0.axes.isEmpty } ? result : nil
  }
}
