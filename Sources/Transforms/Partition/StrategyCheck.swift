import DeepEPElements
import DeepEPTensors

extension Strategy {
  /// Throws unless the strategy can work for a program, before anything starts.
  ///
  /// - Parameters:
  ///   - program: The program for one device.
  ///   - rankCount: The number of ranks that there are; nil if the strategy decides.
  /// - Throws: ``StrategyError`` that names what is in the way, and the nearest strategy that works.
  package func check(_ program: Program, rankCount: Int? = nil) throws {
    let sizes = SplitSizes(program)
    guard let problem = problem(sizes, rankCount) else { return }
    let nearest = nearest(sizes, rankCount).map { "the nearest that works is '\($0)'" }
    let fixes = [problem.fix, nearest].compactMap { $0 }
    throw StrategyError(
      what: problem.what, place: problem.place,
      fix: fixes.isEmpty ? "train on one rank" : fixes.joined(separator: "; "))
  }

  private struct Problem {
    var what: String
    var place: String
    /// What would mend it, beside another strategy.
    var fix: String?

    init(_ what: String, _ place: String, fix: String? = nil) {
      (self.what, self.place, self.fix) = (what, place, fix)
    }
  }

  private func problem(_ sizes: SplitSizes, _ ranks: Int?) -> Problem? {
    ownProblem ?? rankProblem(ranks) ?? batchProblem(sizes) ?? tensorProblem(sizes)
  }

  /// What is wrong with the numbers by themselves.
  private var ownProblem: Problem? {
    let numbers = [("data", data), ("tensor", tensor)]
    if let (name, value) = numbers.first(where: { !(1...1 << 20).contains($0.1) }) {
      return Problem("\(name) is \(value), but there is at least one rank", "strategy, \(name)")
    }
    if !(0...3).contains(zero) {
      return Problem("ZeRO has the stages 0 to 3, not \(zero)", "strategy, zero")
    }
    if zero > 0, data == 1 {
      return Problem(
        "ZeRO shares state among data-parallel ranks, and there is one", "strategy, zero")
    }
    if secondary != 1, zero != 3 || secondary < 1 || secondary >= data || data % secondary != 0 {
      return Problem(
        "secondary=\(secondary) keeps the parameters of ZeRO's stage 3 in groups of \(data) data-parallel ranks",
        "strategy, secondary"
      )
    }
    if compression != .none, data == 1 {
      return Problem(
        "compress rounds gradients that data-parallel ranks add, and there is one",
        "strategy, compress"
      )
    }
    if sequenceParallel, tensor == 1 {
      return Problem(
        "sequence-parallel splits the sequence among tensor-parallel ranks, and there is one",
        "strategy, sequence-parallel"
      )
    }
    return nil
  }

  private func rankProblem(_ ranks: Int?) -> Problem? {
    guard let ranks, ranks != rankCount else { return nil }
    let wanted = rankCount.counted("rank")
    return Problem(
      "the strategy needs \(wanted), there are \(ranks)", "strategy, mesh",
      fix: "start \(wanted), as with deepep launch -n \(rankCount)")
  }

  private func batchProblem(_ sizes: SplitSizes) -> Problem? {
    guard let batch = sizes.batches.first(where: { $0.size % data != 0 }) else { return nil }
    return Problem(
      "a batch of \(batch.size) does not split \(data) ways", "input '\(batch.name)'",
      fix: "make the batch a multiple of \(data)")
  }

  private func tensorProblem(_ sizes: SplitSizes) -> Problem? {
    guard tensor > 1 else { return nil }
    guard !sizes.layers.isEmpty else {
      return Problem(
        "no parameter has heads, hidden units or a vocabulary to split", "strategy, tensor")
    }
    // Heads are computed together, so they do not share; other dimensions are padded.
    let bad = sizes.layers.first { $0.axis == .heads ? $0.size % tensor != 0 : $0.size < tensor }
    return bad.map {
      Problem(
        "\($0.size) \($0.axis.rawValue) do not split \(tensor) ways", "parameter '\($0.name)'")
    }
  }

  /// The strategy that differs least and works.
  private func nearest(_ sizes: SplitSizes, _ ranks: Int?) -> Strategy? {
    let most = min(max(ranks ?? rankCount, 1), 4096)
    var best: (distance: Double, strategy: Strategy)?
    for data in 1...most {
      for tensor in 1...(most / data) {
        var candidate = self
        (candidate.tensor, candidate.zero) = (tensor, min(max(zero, 0), 3))
        candidate.sequenceParallel = sequenceParallel && tensor > 1
        candidate = candidate.sharing(data)
        guard candidate.problem(sizes, ranks) == nil else { continue }
        let distance = distance(to: candidate)
        if best.map({ distance < $0.distance }) ?? true { best = (distance, candidate) }
      }
    }
    return best?.strategy
  }

  private func distance(to other: Strategy) -> Double {
    let ratio = { (x: Int, y: Int) in
      Double(Swift.max(x, y, 1)) / Double(Swift.max(Swift.min(x, y), 1))
    }
    // Ranks left idle weigh more than ranks used otherwise.
    return ratio(data, other.data) + ratio(tensor, other.tensor)
      + 2 * ratio(rankCount, other.rankCount)
  }
}

/// The sizes of a program's dimensions that strategies split.
private struct SplitSizes {
  var batches: [(name: String, size: Int)] = []
  var layers: [(name: String, axis: LogicalAxis, size: Int)] = []

  init(_ program: Program) {
    for input in program.entries.flatMap(\.inputs) {
      for (axis, size) in zip(input.axes, input.type.shape) where axis == .axis(.batch) {
        batches.append((input.name, size))
      }
    }
    for slot in program.slots where slot.kind == .parameter {
      for (axes, size) in zip(slot.axes, slot.type.shape) {
        for factor in axes.factors(of: size) ?? [] {
          guard let axis = factor.axis, [.heads, .hidden, .vocabulary].contains(axis) else {
            continue
          }
          if layers.contains(where: { $0.axis == axis && $0.size == factor.size }) { continue }
          layers.append((slot.name, axis, factor.size))
        }
      }
    }
  }
}
