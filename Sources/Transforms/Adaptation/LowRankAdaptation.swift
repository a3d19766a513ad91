import DeepEPTensors

/// Low-rank adaptation: the weights of a model stay as they are, and beside some stand two small matrices that are
/// trained in their place: `x · W + (alpha / rank) · (x · A) · B` (Hu et al.: LoRA, 2021).
///
/// A function from program to program: the model knows nothing of it, and what is not trained has no gradient and
/// no state of the optimiser. `B` is zero at first, so training begins with what the model computes.
public struct LowRankAdaptation: Hashable, Codable, Sendable {
  /// The number of columns of `A` and rows of `B`.
  public var rank: Int
  /// How much the small matrices count: their product is multiplied by `alpha / rank`.
  public var alpha: Double
  /// The weights beside which they stand; nil: every matrix but those of the vocabulary.
  public var weights: [ParameterPattern]?

  /// Describes an adaptation.
  public init(rank: Int, alpha: Double? = nil, weights: [ParameterPattern]? = nil) {
    (self.rank, self.alpha, self.weights) = (rank, alpha ?? 2 * Double(rank), weights)
  }

  /// What the product of the small matrices is multiplied by.
  package var scale: Double { alpha / Double(max(1, rank)) }

  /// Whether a name is that of a small matrix.
  package static func isAdapter(_ name: String) -> Bool {
    AdaptedWeight.suffixes.contains { name.hasSuffix($0) }
  }

  /// The weights of a program that the adaptation means: matrices by which something is multiplied.
  ///
  /// - Throws: ``AdaptationError`` if there are none, or a pattern means none of them.
  package func adapted(in program: Program) throws -> [AdaptedWeight] {
    var found: [Int: AdaptedWeight] = [:]
    for use in program.entries.flatMap(\.graph.weightUses) {
      guard found[use.slot] == nil, program.slots[use.slot].isMatrixOfModel else { continue }
      found[use.slot] = AdaptedWeight(use, program.slots[use.slot])
    }
    let all = found.sorted { $0.key < $1.key }.map(\.value)
    for pattern in weights ?? [] where !all.contains(where: { pattern.matches($0.name) }) {
      throw AdaptationError(
        what: "'\(pattern)' means no matrix of the model by which something is multiplied",
        fix: "name one, such as '\(all.first?.name ?? "weight")'; * stands for any text")
    }
    let chosen = all.filter { weight in
      weights?.contains { $0.matches(weight.name) } ?? !weight.isOfVocabulary
    }
    guard rank > 0, alpha.isFinite, !chosen.isEmpty else {
      throw AdaptationError(
        what: "a rank of \(rank) with alpha \(alpha) for \(chosen.count) weights",
        fix: "use a positive rank, and a model that multiplies by matrices")
    }
    if let smallest = chosen.min(by: { $0.smallerSide < $1.smallerSide }),
      rank > smallest.smallerSide
    {
      throw AdaptationError(
        what: "a rank of \(rank)",
        fix: "use a rank of at most \(smallest.smallerSide), the smaller side of \(smallest.name)")
    }
    return chosen
  }

  /// The program with the small matrices, which alone are trained.
  package func apply(_ program: Program) throws -> Program {
    let weights = try adapted(in: program)
    var result = program
    for index in result.slots.indices { result.slots[index].isTrainable = false }
    var places: [Int: Int] = [:]
    for weight in weights {
      places[weight.slot] = result.slots.count
      result.slots += weight.matrices(rank: rank)
    }
    result.entries = try program.entries.map { entry in
      try AdaptationWriter(entry, result.slots, places: places, scale: scale).written()
    }
    return result
  }
}

/// Why a model cannot be adapted.
public struct AdaptationError: Error, Hashable, CustomStringConvertible, Sendable {
  /// What is wrong.
  public var what: String
  /// What would fix it.
  public var fix: String

  /// A sentence for people.
  public var description: String { "\(what) (adaptation)\n  \(fix)" }
}
