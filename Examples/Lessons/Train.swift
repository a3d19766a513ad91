import DeepEP

/// Heights of points in a plane, `2x - 3y + 1`: a loader says what the examples at a position are.
struct Heights: BatchLoader {
  let batchSize = 16
  let examplesPerEpoch = 256
  let validationBatchCount = 1
  var inputs: [TensorDescription] {
    [
      TensorDescription("points", .float32, [batchSize, 2]),
      TensorDescription("heights", .float32, [batchSize]),
    ]
  }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    let numbers = (position..<position + count).map { Float($0 * 37 % 256) / 256 }
    let points = numbers.flatMap { [$0, 1 - $0 * $0] }
    let heights = numbers.map { 2 * $0 - 3 * (1 - $0 * $0) + 1 }
    return Batch(
      [
        try BatchArray("points", [count, 2], points), try BatchArray("heights", [count], heights),
      ], validCount: count)
  }

  func validationBatch(_ index: Int) throws -> Batch { try batch(atExample: 7, count: batchSize) }
}

/// The trainer traces, differentiates, fuses, plans and compiles, and then makes steps.
enum TrainLesson {
  static func run() throws {
    let squares = Loss { output, targets in (output - targets) * (output - targets) }
    let trainer = try DistributedTrainer(
      model: Plane(), loss: squares, optimizer: .adamW(learningRate: 0.1, weightDecay: 0))
    var losses: [Double] = []
    try trainer.fit(Heights(), steps: 300, validation: ValidationPlan(everySteps: 100)) { step in
      losses.append(step.loss)
    }
    try check("every step was seen", losses.count == 300)
    try check("the loss falls a hundredfold", (losses.last ?? 1) < losses[0] / 100)
    let held = try trainer.evaluate(Heights()) ?? 1
    try check("it has learned what it has not seen", held < 0.05)
  }
}
