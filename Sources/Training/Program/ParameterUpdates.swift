import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors

/// The gradient of the loss by a parameter.
struct ParameterGradient {
  /// The parameter's slot.
  var slot: Int
  /// The gradient, of the parameter's type.
  var tensor: Tensor

  /// The gradient with the meaning of the parameter's dimensions: nothing is owed of it any more.
  func named(_ parameter: Slot) -> ParameterGradient {
    ParameterGradient(
      slot: slot, tensor: tensor.apply(Named(parameter.axes, role: .gradient)))
  }

  /// The same, after it has travelled between hosts with fewer bits; what it loses stays in a slot.
  func compressed(
    _ compression: Compression, _ parameter: Slot, _ writer: inout EntryWriter
  ) -> ParameterGradient {
    let residual = writer.slot(
      Slot(
        name: "compression.residual/\(parameter.name)", type: parameter.type, initializer: .zeros,
        axes: parameter.axes, kind: .residual))
    let results = tensor.applyAll(
      CompressedGradient(parameter.axes, compression), [writer.read(residual)])
    if results.count == 2 { writer.update(residual, to: results[1]) }
    return ParameterGradient(slot: slot, tensor: results[0])
  }
}

/// Writes what an update does once the gradients are known: unscaling, clipping, the optimiser, moving
/// averages, and the count of updates.
struct ParameterUpdates {
  let optimizer: any Optimizer
  let clipping: GradientClipping?
  let scaling: LossScaling?
  let averages: MovingAverages?
  /// How gradients travel between hosts.
  let compression: Compression

  /// The name of the learning rate among an entry's results.
  static let learningRateName = "learning_rate"

  private static let step = Slot(
    name: RunState.stepName, type: Type(.int32, []), initializer: .zeros, kind: .counter)

  /// Adds the update to an entry.
  func write(_ gradients: [ParameterGradient], _ writer: inout EntryWriter) {
    let stepSlot = writer.slot(Self.step)
    let step = writer.read(stepSlot)
    let whole = gradients.map { gradient in
      let parameter = writer.program.slots[gradient.slot]
      return compression == .none
        ? gradient.named(parameter) : gradient.compressed(compression, parameter, &writer)
    }
    let (unscaled, areFinite) = scaling?.unscaled(whole, &writer) ?? (whole, nil)
    let clipped = clipping?.clipped(unscaled, &writer) ?? unscaled
    for gradient in clipped {
      writer.trace.origin.path = writer.program.slots[gradient.slot].name
      update(gradient, step, onlyIf: areFinite, &writer)
    }
    writer.trace.origin.path = ""
    writer.addResult(Self.learningRateName, optimizer.learningRate(at: step))
    writer.update(stepSlot, to: step + 1, onlyIf: areFinite)
  }

  private func update(
    _ gradient: ParameterGradient, _ step: Tensor, onlyIf condition: Tensor?,
    _ writer: inout EntryWriter
  ) {
    let owner = writer.program.slots[gradient.slot]
    let parameter = OptimizedParameter(name: owner.name, type: owner.type, axes: owner.axes)
    let state = optimizer.state(of: parameter).map { state in
      writer.slot(
        Slot(
          name: Checkpoint.optimizerName(state.name, of: owner.name), type: state.type,
          initializer: .zeros, axes: state.axes, kind: .optimizer))
    }
    let new = optimizer.updated(
      parameter, value: writer.read(gradient.slot), gradient: gradient.tensor,
      state: state.map { writer.read($0) }, step: step)
    writer.update(gradient.slot, to: new.value, onlyIf: condition)
    for (slot, tensor) in zip(state, new.state) {
      writer.update(slot, to: tensor, onlyIf: condition)
    }
    averages?.follow(gradient.slot, newValue: new.value, onlyIf: condition, &writer)
  }
}
