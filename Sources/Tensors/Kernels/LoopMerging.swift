extension Region {
  /// The same region with neighbouring parallel loops made one wherever every index steps through
  /// both as through one, so that an element-wise region over contiguous memory is a single loop.
  ///
  /// The linearised range of iterations is the same.
  package func mergingParallelLoops() -> Region {
    var region = self
    for outer in parallel.indices.dropLast().reversed() where region.canMerge(outer) {
      region = region.merging(outer)
    }
    return region
  }

  private func canMerge(_ outer: LoopVariable) -> Bool {
    var steps = true
    _ = body.map { statement in
      statement.mapping(variable: { $0 }) { index in
        steps = steps && index.stride(outer) == index.stride(outer + 1) * parallel[outer + 1]
        return index
      }
    }
    return steps
  }

  private func merging(_ outer: LoopVariable) -> Region {
    var region = self
    region.parallel[outer] *= region.parallel.remove(at: outer + 1)
    let renumbered = { (variable: LoopVariable) in variable > outer ? variable - 1 : variable }
    region.body = body.map { statement in
      statement.mapping(variable: renumbered) { index in
        var index = index
        index.terms = index.terms.filter { $0.variable != outer }
          .map { IndexTerm(renumbered($0.variable), stride: $0.stride) }
        return index
      }
    }
    return region
  }
}

extension Index {
  fileprivate func stride(_ variable: LoopVariable) -> Int {
    terms.reduce(0) { $0 + ($1.variable == variable ? $1.stride : 0) }
  }
}

extension Statement {
  /// The same statement with other loop variables and indices.
  fileprivate func mapping(
    variable: (LoopVariable) -> LoopVariable, _ index: (Index) -> Index
  ) -> Statement {
    switch self {
    case .define(let register, let element, let expression):
      return .define(register, element, expression.mapping(index))
    case .store(let access, let register):
      return .store(Access(access.buffer, index(access.index)), register)
    case .accumulate:
      return self
    case .loop(var loop):
      loop.variable = variable(loop.variable)
      loop.bound = loop.bound.map(index)
      loop.body = loop.body.map { $0.mapping(variable: variable, index) }
      return .loop(loop)
    case .tileDot(let tile): return .tileDot(tile.mapping(index))
    case .transpose(let tile): return .transpose(tile.mapping(index))
    }
  }
}

extension Expression {
  fileprivate func mapping(_ index: (Index) -> Index) -> Expression {
    switch self {
    case .load(let access): .load(Access(access.buffer, index(access.index)))
    case .index(let position): .index(index(position))
    default: self
    }
  }
}
