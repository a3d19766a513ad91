import DeepEPElements

extension Shard {
  /// The whole tensor from the parts of all ranks, in the order of the ranks.
  ///
  /// Parts of which a sum is owed are added; of copies the first rank's is taken.
  package func assembled(_ parts: [HostArray]) -> HostArray {
    let element = parts[0].element
    var scalars = Array(repeating: element.scalar(0), count: shape.reduce(1, *))
    let factors = Array(sharding.dimensions.joined())
    let strides = rowMajorStrides(shape)
    for (rank, part) in parts.enumerated() where isOwner(rank) {
      let sizes = factors.map { $0.localSize(mesh) }
      var position = 0
      forEachIndex(sizes) { index in
        defer { position += 1 }
        guard let place = place(index, rank) else { return }
        let whole = zip(place, strides).reduce(0) { $0 + $1.0 * $1.1 }
        scalars[whole] = BinaryFunction.add.evaluate(scalars[whole], part[position], element)
      }
    }
    return HostArray(element, shape, scalars: scalars)
  }

  /// The part of a tensor that a rank has; where a sum is owed, the first rank has all of it.
  package func part(of tensor: HostArray, rank: Int) -> HostArray {
    let factors = Array(sharding.dimensions.joined())
    let strides = rowMajorStrides(shape)
    let zero = tensor.element.scalar(0)
    let owes = sharding.partial.keys.contains { mesh.index(of: rank, along: $0) > 0 }
    var scalars: [Scalar] = []
    forEachIndex(factors.map { $0.localSize(mesh) }) { index in
      guard !owes, let place = place(index, rank) else { return scalars.append(zero) }
      scalars.append(tensor[zip(place, strides).reduce(0) { $0 + $1.0 * $1.1 }])
    }
    return HostArray(tensor.element, sharding.localShape(mesh), scalars: scalars)
  }

  /// Whether a rank's part counts: along axes that neither split nor owe, all ranks have the same.
  package func isOwner(_ rank: Int) -> Bool {
    mesh.axes.allSatisfy { axis in
      sharding.axes.contains(axis) || sharding.partial[axis] != nil
        || mesh.index(of: rank, along: axis) == 0
    }
  }

  /// The index in the whole tensor of an element of a part; nil for padding.
  private func place(_ index: [Int], _ rank: Int) -> [Int]? {
    var (place, rest) = ([Int](), index[...])
    for factors in sharding.dimensions {
      guard let number = number(Array(rest.prefix(factors.count)), factors, rank) else {
        return nil
      }
      place.append(number)
      rest = rest.dropFirst(factors.count)
    }
    return place
  }

  /// For each dimension and each index of a rank's part the index in the whole tensor; -1 for padding.
  func places(of rank: Int) -> [[Int]] {
    sharding.dimensions.map { factors in
      var places: [Int] = []
      forEachIndex(factors.map { $0.localSize(mesh) }) { index in
        places.append(number(index, factors, rank) ?? -1)
      }
      return places
    }
  }

  /// The index along a dimension of an element of a part; nil for padding.
  private func number(_ index: [Int], _ factors: [ShardedFactor], _ rank: Int) -> Int? {
    var position = 0
    for (own, factor) in zip(index, factors) {
      guard let number = number(own, factor, rank) else { return nil }
      position = position * factor.size + number
    }
    return position
  }

  /// The number along a factor of an element of a part; nil for padding.
  private func number(_ own: Int, _ factor: ShardedFactor, _ rank: Int) -> Int? {
    var number = own
    for count in stride(from: factor.axes.count, to: 0, by: -1) {
      let part = ShardedFactor(factor.size, Array(factor.axes[..<count]))
      let outer = ShardedFactor(factor.size, Array(factor.axes[..<(count - 1)]))
      number += mesh.index(of: rank, along: factor.axes[count - 1]) * part.localSize(mesh)
      guard number < outer.localSize(mesh) else { return nil }
    }
    return number
  }
}
