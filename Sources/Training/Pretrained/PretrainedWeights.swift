import DeepEPStorage
import DeepEPTensors

/// The tensors of a trained model, one for each slot of a program that has them.
struct PretrainedWeights {
  private let tensors: [String: PretrainedTensor]

  /// Checks that the model has exactly what the slots hold, in their shapes.
  ///
  /// - Throws: ``StorageError``, which names what is missing, of another shape, or not known to the program.
  init(_ model: some PretrainedModel, for slots: [Slot]) throws {
    let found = try model.weights(named: slots.map(\.name))
    let differences = TensorDifferences(
      expected: slots.map { TensorDescription($0.name, $0.type.element, $0.type.shape) },
      found: found.map(\.tensor))
    guard differences.isEmpty else {
      throw StorageError(
        "weights of another model: \(differences.text)", at: model.path,
        fix: "make the model from the sizes that this one says it has")
    }
    tensors = Dictionary(
      found.map { ($0.tensor.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensor of a slot.
  subscript(_ slot: Slot) -> PretrainedTensor? { tensors[slot.name] }
}
