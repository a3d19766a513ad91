import DeepEPElements

/// What the graph that model code writes is for.
package enum TraceMode: Sendable {
  /// To find the loss or the output: nothing random, and no state changes.
  case evaluation
  /// To find gradients, at a place in a run.
  case training(RunState)
}

/// Counters of a training run that model code may depend on.
///
/// The slots have these names in every program, and are there if the model reads them.
package struct RunState: Sendable {
  /// The seed of the run, a uint64 scalar.
  package let seed = Parameter(counter: .uint64)
  /// The number of updates made before, an int32 scalar.
  package let step = Parameter(counter: .int32)
  /// The number of micro-batches of this update that came before, an int32 scalar.
  package let microBatch = Parameter(counter: .int32, kind: .accumulator)

  /// The name of the seed's slot.
  package static let seedName = "random.seed"
  /// The name of the slot that counts updates.
  package static let stepName = "optimizer.step"
  /// The name of the slot that counts micro-batches.
  package static let microBatchName = "optimizer.micro_batch"

  package init() {}

  /// The counters with the names of their slots.
  package var named: [NamedParameter] {
    [
      NamedParameter(name: Self.seedName, parameter: seed),
      NamedParameter(name: Self.stepName, parameter: step),
      NamedParameter(name: Self.microBatchName, parameter: microBatch),
    ]
  }
}

extension Trace {
  /// The run that is traced; nil for evaluation.
  ///
  /// Whoever asks makes the graph depend on the mode.
  package func askForRun() -> RunState? {
    dependsOnMode = true
    if case .training(let run)? = mode { return run }
    return nil
  }

  /// Remembers the new value of a statistic.
  func update(_ parameter: Parameter, to tensor: Tensor, _ source: SourceLocation) {
    guard askForRun() != nil, let value = adopt(tensor) else { return }
    guard parameter.kind == .statistic else {
      return fail(ShapeError("update", "only a statistic has its value from the model"), source)
    }
    guard tensor.type == parameter.type else {
      let types = "\(parameter.type), not \(tensor.type)"
      return fail(ShapeError("update", "the statistic is \(types)"), source)
    }
    // Of several results only the first can stand for a read.
    let moved = Tensor(self, value)
    let plain = value.result == 0 ? moved : moved.apply(Reshape(shape: moved.shape))
    if let node = plain.value?.node { written[ObjectIdentifier(parameter)] = (parameter, node) }
  }

  /// Adopts what a moved tensor assumed of the mode: it took its own trace for evaluation.
  func inheritMode(from other: Trace) {
    guard other.dependsOnMode, !dependsOnMode || other.mode == nil else { return }
    dependsOnMode = true
    guard other.mode == nil, case .training? = mode else { return }
    fail(
      ShapeError(
        "training",
        "a tensor that does not depend on the model's input was dropped out or "
          + "normalised by statistics: combine it with the input first"))
  }
}

extension Tensor {
  /// Whether the model is traced to be trained, with dropout and batch statistics, or to be evaluated.
  ///
  /// To be asked of a tensor that depends on the model's input.
  public var isTraining: Bool { trace.askForRun() != nil }
}
