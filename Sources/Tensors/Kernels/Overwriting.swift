extension Region {
  /// For each result, the operands whose memory it may take over: those that are read element by
  /// element where the result is written, and never after it.
  package func overwritableOperands(_ operands: [Type]) -> [Int: [Int]] {
    var walk = AccessWalk()
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
    let pattern: Pattern
    /// Loads and stores of one loop have the same number.
    let loop: Int
    let isStore: Bool
  }

  /// Which elements a loop nest touches, apart from the names of inner loop variables.
  private struct Pattern: Hashable {
    let offset: Int
    let parallel: [IndexTerm]
    let inner: [[Int]]
    let isGathered: Bool
  }

  private var places: [Place] = []
  private var loopCount = 0

  mutating func visit(_ body: [Statement], loops: [Loop]) {
    loopCount += 1
    let own = loopCount
    for statement in body {
      switch statement {
      case .define(_, _, .load(let access)): note(access, loops, own, isStore: false)
      case .store(let access, _): note(access, loops, own, isStore: true)
      case .loop(let loop): visit(loop.body, loops: loops + [loop])
      default: break
      }
    }
  }

  private mutating func note(_ access: Access, _ loops: [Loop], _ own: Int, isStore: Bool) {
    let extents = Dictionary(uniqueKeysWithValues: loops.map { ($0.variable, $0.extent) })
    let terms = access.index.terms
    let pattern = Pattern(
      offset: access.index.offset, parallel: terms.filter { extents[$0.variable] == nil },
      inner: terms.compactMap { term in extents[term.variable].map { [$0, term.stride] } }.sorted {
        $0.lexicographicallyPrecedes($1)
      }, isGathered: !access.index.gathers.isEmpty)
    places.append(Place(buffer: access.buffer, pattern: pattern, loop: own, isStore: isStore))
  }

  /// Whether a result may lie where an operand does.
  func allows(operand: Int, result: Int) -> Bool {
    let loads = places.indices.filter { places[$0].buffer == .operand(operand) }
    let stores = places.indices.filter { places[$0].buffer == .result(result) }
    guard stores.count == 1, let store = stores.first, places[store].isStore else { return false }
    return loads.allSatisfy { load in
      load < store && places[load].pattern == places[store].pattern
        && !places[load].pattern.isGathered
    }
  }
}
