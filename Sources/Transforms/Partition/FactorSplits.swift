import DeepEPTensors

/// How the loops of one operation are split over the mesh: a choice among what its operands offer.
struct FactorSplits {
  /// One way to split a factor, and what speaks for it.
  struct Candidate {
    var factors: [ShardedFactor]
    /// Splits by a rule that gives way to others are weak.
    var isStrong: Bool
    /// How long it would take to gather what is split so, if the candidate lost.
    var seconds: Double
  }

  private let mesh: Mesh
  /// The sizes of the operation's factors.
  private let sizes: [Int]
  private var candidates: [Int: [Candidate]] = [:]
  /// What was chosen; factors that are not here are whole.
  private(set) var chosen: [Int: [ShardedFactor]] = [:]

  init(_ factors: Factors, _ mesh: Mesh) {
    self.mesh = mesh
    sizes = factors.sizes
  }

  /// Offers a split of a factor; the same split offered twice counts twice.
  mutating func offer(_ candidate: Candidate, for factor: Int) {
    let known = candidates[factor]?.firstIndex { $0.factors == candidate.factors }
    guard let known else { return candidates[factor, default: []].append(candidate) }
    candidates[factor]?[known].seconds += candidate.seconds
    if candidate.isStrong { candidates[factor]?[known].isStrong = true }
  }

  /// Chooses: for each factor one split, for each mesh axis one factor.
  ///
  /// The strong win, then what would take longest to move, then the first.
  mutating func choose() {
    var best: [(factor: Int, candidate: Candidate)] = []
    for factor in candidates.keys.sorted() {
      let winner = candidates[factor]?.enumerated().max {
        ($0.element.order, -$0.offset) < ($1.element.order, -$1.offset)
      }
      if let winner { best.append((factor, winner.element)) }
    }
    best.sort { ($1.candidate.order, $0.factor) < ($0.candidate.order, $1.factor) }
    var taken: Set<MeshAxis> = []
    for (factor, candidate) in best {
      let kept = candidate.factors.map { part in
        ShardedFactor(part.size, part.axes.filter { !taken.contains($0) })
      }
      taken.formUnion(kept.flatMap(\.axes))
      if kept.contains(where: { !$0.axes.isEmpty }) { chosen[factor] = kept }
    }
  }

  /// The mesh axes that split some factor.
  var axes: Set<MeshAxis> { Set(chosen.values.joined().flatMap(\.axes)) }

  /// The sharding of a shape whose dimensions walk given factors.
  func sharding(_ walks: [[Int]], _ shape: [Int]) -> Sharding {
    Sharding(
      zip(walks, shape).map { walk, size in
        walk.isEmpty
          ? [ShardedFactor(size)] : walk.flatMap { chosen[$0] ?? [ShardedFactor(sizes[$0])] }
      })
  }

  /// Whether some rank has padding along a factor.
  func isUneven(_ factor: Int) -> Bool {
    chosen[factor]?.contains { $0.isUneven(mesh) } ?? false
  }
}

extension FactorSplits.Candidate {
  fileprivate var order: (Int, Double) { (isStrong ? 1 : 0, seconds) }
}

/// Orders pairs first by what speaks for them, then by the place.
private func < (x: ((Int, Double), Int), y: ((Int, Double), Int)) -> Bool {
  x.0 == y.0 ? x.1 < y.1 : x.0 < y.0
}
