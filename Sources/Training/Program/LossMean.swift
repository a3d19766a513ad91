import DeepEPElements
import DeepEPTensors
import DeepEPTransforms

/// Turns the sums and counts that ``EntryName/forward`` returns into the share of the loss that one
/// micro-batch adds: its sums over the counts of the whole global batch.
///
/// A count that does not depend on data is known; another one is summed up by ``EntryName/prologue``,
/// which is called for every micro-batch before the first is differentiated.
package struct LossMean {
  /// The number of micro-batches of an update.
  private let microBatches: Int

  /// Makes the change for a number of micro-batches.
  package init(microBatches: Int) { self.microBatches = microBatches }

  /// The name of the slot that counts the predictions of a term, a float64 scalar.
  static func slotName(_ term: Int) -> String { "optimizer.loss_count.\(term)" }

  /// The program whose entry ``EntryName/forward`` returns only `loss`.
  package func apply(_ program: Program) throws -> Program {
    var forward = EntryWriter(try addingPrologue(to: program), .forward)
    forward.trace.origin.phase = .forward
    let terms = (0..<forward.results.count / 2).map { share(of: $0, &forward) }
    let loss = terms.dropFirst().reduce(terms[0], +)
    forward.results = []
    forward.addResult("loss", loss)
    return try forward.finished()
  }

  private func share(of term: Int, _ forward: inout EntryWriter) -> Tensor {
    let sum = forward.result(LossSums.sumName(term))
    let count = forward.result(LossSums.countName(term))
    if let known = count.constant {
      return sum * (1 / max(1, known * Double(microBatches)))
    }
    guard microBatches > 1 else { return sum.divided(by: count) }
    return sum.divided(by: forward.read(forward.slot(Self.slot(term))))
  }

  private static func slot(_ term: Int) -> Slot {
    Slot(
      name: slotName(term), type: Type(.float64, []), initializer: .zeros, kind: .accumulator)
  }

  /// An entry that adds the counts of a micro-batch to those of the ones before, from the targets.
  private func addingPrologue(to program: Program) throws -> Program {
    guard microBatches > 1, var entry = program.entry(.forward) else { return program }
    let counts = (0..<entry.results.count / 2).filter { term in
      entry.results.contains {
        $0.name == LossSums.countName(term)
          && !(entry.graph.nodes[$0.value.node].operation is Constant)
      }
    }
    guard !counts.isEmpty else { return program }
    entry.name = .prologue
    entry.updates = []
    entry.results.removeAll { result in
      !counts.contains { LossSums.countName($0) == result.name }
    }
    var program = program
    program.entries.append(entry.pruned().droppingUnusedInputs())
    var prologue = EntryWriter(program, .prologue)
    for term in counts {
      let slot = prologue.slot(Self.slot(term))
      prologue.update(
        slot, to: prologue.read(slot) + prologue.result(LossSums.countName(term)))
    }
    prologue.results = []
    return try prologue.finished()
  }
}

extension Tensor {
  /// The number that this scalar is known to be while the graph is written.
  fileprivate var constant: Double? {
    value.flatMap { (trace.graph.nodes[$0.node].operation as? Constant)?.splat }
  }
}
