extension Region {
  /// For each result, the operands whose memory it may take over: those that are read element by
  /// element where the result is written, and never after it.
  package func overwritableOperands(_ operands: [Type]) -> [Int: [Int]] {
    var walk = AccessWalk(parallel)
    walk.visit(body, loops: [])
    var pairs: [Int: [Int]] = [:]
    for (result, type) in resultTypes.enumerated() {
      pairs[result] = operands.indices.filter { operand in
        operands[operand] == type && walk.allows(operand: operand, result: result)
      }
    }
    return pairs.filter { !$0.value.isEmpty }
  }
}

/// The accesses of a region in the order in which they happen.
private struct AccessWalk {
  private struct Place {
    let buffer: Buffer
    let index: Index
    /// The loops around the access, outermost first.
    let loops: [Loop]
    let isStore: Bool
  }

  /// Which elements the loops that two accesses do not share touch, apart from the names of their
  /// variables.
  private struct Pattern: Hashable {
    let offset: Int
    let shared: [IndexTerm]
    let inner: [[Int]]
  }

  private var places: [Place] = []
  /// Variables that are always zero: what they are multiplied with does not matter.
  private var zeros: Set<LoopVariable>
  /// Buffers that tiles read or write in an order of their own.
  private var walked: Set<Buffer> = []

  init(_ parallel: [Int]) { zeros = Set(parallel.indices.filter { parallel[$0] == 1 }) }

  mutating func visit(_ body: [Statement], loops: [Loop]) {
    for statement in body {
      switch statement {
      case .define(_, _, .load(let access)): note(access, loops, isStore: false)
      case .store(let access, _): note(access, loops, isStore: true)
      case .loop(let loop):
        if loop.extent == 1 { zeros.insert(loop.variable) }
        visit(loop.body, loops: loops + [loop])
      case .tileDot(let tile): walked.formUnion(tile.tiles.map(\.access.buffer))
      case .transpose(let tile): walked.formUnion(tile.tiles.map(\.access.buffer))
      default: break
      }
    }
  }

  private mutating func note(_ access: Access, _ loops: [Loop], isStore: Bool) {
    places.append(
      Place(buffer: access.buffer, index: access.index, loops: loops, isStore: isStore))
  }

  private func pattern(_ place: Place, apartFrom shared: Set<LoopVariable>) -> Pattern {
    let own = place.loops.filter { !shared.contains($0.variable) }
    let extents = Dictionary(uniqueKeysWithValues: own.map { ($0.variable, $0.extent) })
    let terms = place.index.terms.filter { !zeros.contains($0.variable) }
    return Pattern(
      offset: place.index.offset,
      shared: terms.filter { extents[$0.variable] == nil }.sorted { $0.variable < $1.variable },
      inner: terms.compactMap { term in extents[term.variable].map { [$0, term.stride] } }.sorted {
        $0.lexicographicallyPrecedes($1)
      })
  }

  /// Whether a store writes only what a load before it has read: within the loops that both are in,
  /// the same elements at each step.
  private func follows(_ store: Place, _ load: Place) -> Bool {
    let shared = Set(load.loops.map(\.variable)).intersection(store.loops.map(\.variable))
    return load.index.gathers.isEmpty && store.index.gathers.isEmpty
      && pattern(load, apartFrom: shared) == pattern(store, apartFrom: shared)
  }

  /// Whether a result may lie where an operand does.
  ///
  /// The first access to the result stores what follows the loads. Others come after the loops of all
  /// loads: what they overwrite has been read, for in a region without races an element that they and
  /// the first one store belongs to one parallel iteration.
  func allows(operand: Int, result: Int) -> Bool {
    guard !walked.contains(.operand(operand)), !walked.contains(.result(result)) else {
      return false
    }
    let loads = places.indices.filter { places[$0].buffer == .operand(operand) }
    let uses = places.indices.filter { places[$0].buffer == .result(result) }
    guard let store = uses.first, places[store].isStore else { return false }
    return loads.allSatisfy { load in
      load < store && follows(places[store], places[load])
        && uses.dropFirst().allSatisfy { isApart(places[$0], from: places[load]) }
    }
  }

  /// Whether two accesses have no serial loop in common.
  private func isApart(_ place: Place, from other: Place) -> Bool {
    Set(place.loops.map(\.variable)).isDisjoint(with: other.loops.map(\.variable))
  }
}
