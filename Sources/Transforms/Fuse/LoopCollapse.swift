import DeepEPTensors

extension Region {
  /// The region with neighbouring parallel loops joined where every index walks them as one.
  func mergingParallel() -> Region {
    var region = self
    for variable in parallel.indices.dropLast().reversed() where region.canMerge(variable) {
      region.merge(variable)
    }
    return region
  }

  /// The region of a purely element-wise cluster: parallel loops joined, and if several are left the
  /// last one made serial, for the vector unit.
  func collapsed() -> Region {
    var region = mergingParallel()
    guard region.parallel.count > 1, let extent = region.parallel.popLast() else { return region }
    region.body = [.loop(Loop(region.parallel.count, extent: extent, body: region.body))]
    return region
  }

  /// Whether all indices step through this loop as through a continuation of the next one.
  private func canMerge(_ variable: LoopVariable) -> Bool {
    body.allIndices { index in
      let stride = { variable in index.terms.first { $0.variable == variable }?.stride ?? 0 }
      return stride(variable) == stride(variable + 1) * parallel[variable + 1]
    }
  }

  private mutating func merge(_ variable: LoopVariable) {
    let extent = parallel.remove(at: variable)
    parallel[variable] *= extent
    body = body.mapVariables { $0 == variable ? nil : $0 > variable ? $0 - 1 : $0 }
  }
}

extension [Statement] {
  fileprivate func allIndices(_ holds: (DeepEPTensors.Index) -> Bool) -> Bool {
    allSatisfy { statement in
      switch statement {
      case .define(_, _, .load(let access)): holds(access.index)
      case .define(_, _, .index(let index)), .define(_, _, .random(_, let index)): holds(index)
      case .store(let access, _): holds(access.index)
      case .loop(let loop): loop.body.allIndices(holds)
      default: true
      }
    }
  }

  /// The statements with loop variables renamed; terms of those that become nil disappear.
  fileprivate func mapVariables(_ rename: @escaping (LoopVariable) -> LoopVariable?) -> [Statement]
  {
    let renamed = { (index: DeepEPTensors.Index) in
      var index = index
      index.terms = index.terms.compactMap { term in
        rename(term.variable).map { IndexTerm($0, stride: term.stride) }
      }
      return index
    }
    return map { statement in
      switch statement {
      case .define(let register, let element, .load(let access)):
        .define(register, element, .load(Access(access.buffer, renamed(access.index))))
      case .define(let register, let element, .index(let index)):
        .define(register, element, .index(renamed(index)))
      case .define(let register, let element, .random(let key, let index)):
        .define(register, element, .random(key: key, renamed(index)))
      case .store(let access, let register):
        .store(Access(access.buffer, renamed(access.index)), register)
      case .loop(let loop):
        .loop(
          Loop(
            rename(loop.variable) ?? loop.variable, extent: loop.extent,
            accumulators: loop.accumulators, body: loop.body.mapVariables(rename)))
      default: statement
      }
    }
  }
}
