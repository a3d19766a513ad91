import DeepEPStorage
import DeepEPTensors

/// Gradients of several micro-batches make one update.
///
/// ``EntryName/accumulate`` adds the gradients of a micro-batch to accumulators, which are slots;
/// ``EntryName/update`` updates from them and empties them. Each loss is a share of that of the whole
/// batch, so the sum is its gradient.
struct GradientAccumulation {
  let updates: ParameterUpdates

  /// The program with both entries.
  ///
  /// - Parameters:
  ///   - program: A program whose entry ``EntryName/accumulate`` returns gradients.
  ///   - ownResults: How many results come before the gradients.
  func apply(_ program: Program, ownResults: Int) throws -> Program {
    var accumulate = EntryWriter(program, .accumulate)
    let gradients = accumulate.takeGradients(after: ownResults)
    let accumulators = gradients.map { gradient -> Int in
      accumulate.trace.origin.path = program.slots[gradient.slot].name
      let slot = accumulate.slot(accumulator(of: program.slots[gradient.slot]))
      accumulate.update(slot, to: accumulate.read(slot) + gradient.tensor)
      return slot
    }
    accumulate.trace.origin.path = ""
    if let counter = accumulate.slot(named: RunState.microBatchName) {
      accumulate.update(counter, to: accumulate.read(counter) + 1)
    }
    return try addingUpdate(
      to: accumulate.finished(), accumulators: accumulators, parameters: gradients.map(\.slot))
  }

  private func accumulator(of owner: Slot) -> Slot {
    Slot(
      name: Checkpoint.optimizerName("gradient", of: owner.name), type: owner.type,
      initializer: .zeros, axes: owner.axes, kind: .accumulator)
  }

  private func addingUpdate(
    to program: Program, accumulators: [Int], parameters: [Int]
  ) throws -> Program {
    var writer = EntryWriter(program, .update)
    let gradients = zip(parameters, accumulators).map { parameter, accumulator in
      ParameterGradient(slot: parameter, tensor: writer.read(accumulator))
    }
    updates.write(gradients, &writer)
    for (index, slot) in program.slots.enumerated() where slot.kind == .accumulator {
      let zero = writer.trace.apply(Constant(type: slot.type, numbers: [0]), [])[0]
      writer.update(index, to: zero)
    }
    return try writer.finished()
  }
}

extension EntryWriter {
  /// The gradients among the results, which the entry then no longer returns.
  mutating func takeGradients(after ownResults: Int) -> [ParameterGradient] {
    let gradients = results.dropFirst(ownResults).compactMap { result in
      slot(named: result.name).map {
        ParameterGradient(slot: $0, tensor: Tensor(trace, result.value))
      }
    }
    results = results.prefix(ownResults).filter { $0.name != LossScaling.scaledName }
    return gradients
  }
}
