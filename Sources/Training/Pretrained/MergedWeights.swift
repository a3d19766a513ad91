import DeepEPElements
import DeepEPStorage
import DeepEPTransforms

/// The weights of a checkpoint as its model has them without adaptation: the product of the small matrices is added
/// to the weight beside which they stand.
struct MergedWeights {
  private let checkpoint: Checkpoint
  private let byAverages: Bool
  private let scale: Double
  private let adapted: [String: AdaptedWeight]

  /// - Throws: ``StorageError`` if a checkpoint that was adapted does not say how, or has not the matrices.
  init(_ checkpoint: Checkpoint, byAverages: Bool = false) throws {
    (self.checkpoint, self.byAverages) = (checkpoint, byAverages)
    let isAdapted = checkpoint.parameters.contains { LowRankAdaptation.isAdapter($0.name) }
    let model = try isAdapted ? ModelDescription(checkpoint) : nil
    try model?.checkTensors(in: checkpoint)
    scale = model?.adaptation?.scale ?? 0
    let weights = try model.map { try $0.adaptation?.adapted(in: $0.program()) ?? [] } ?? []
    adapted = Dictionary(uniqueKeysWithValues: weights.map { ($0.name, $0) })
  }

  /// The tensors, whose bytes are made when they are asked for.
  ///
  /// - Throws: ``StorageError`` if the averages that are asked for are not there.
  var tensors: [PretrainedTensor] {
    get throws {
      let own = checkpoint.parameters.filter { !LowRankAdaptation.isAdapter($0.name) }
      return try own.map { tensor in
        let weight = try self.weight(tensor.name)
        guard let pair = adapted[tensor.name] else {
          return PretrainedTensor(weight, named: tensor.name)
        }
        return PretrainedTensor(tensor.tensor) { consume in
          try merged(weight, pair).withUnsafeBytes(consume)
        }
      }
    }
  }

  private func weight(_ name: String) throws -> StoredTensor {
    try checkpoint.weight(named: name, byAverages: byAverages)
  }

  private func merged(_ weight: StoredTensor, _ pair: AdaptedWeight) throws -> [Float] {
    let (a, b) = (try floats(pair.matrixNames[0]), try floats(pair.matrixNames[1]))
    var result = try floats(pair.name)
    let (rows, columns) = (weight.shape[0], weight.shape[1])
    let isInputFirst = pair.inputDimension == 0
    let rank = a.count / (isInputFirst ? rows : columns)
    for row in 0..<rows {
      for number in 0..<rank {
        let factor = Float(scale) * (isInputFirst ? a[number * rows + row] : b[row * rank + number])
        for column in 0..<columns {
          let other = isInputFirst ? b[column * rank + number] : a[number * columns + column]
          result[row * columns + column] += factor * other
        }
      }
    }
    return result
  }

  private func floats(_ name: String) throws -> [Float] {
    try weight(name).withFloats { bytes in
      (0..<bytes.count / 4).map {
        bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
      }
    }
  }
}
