import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import Testing

struct Sums: Dataset {
  let count = 10_000

  func example(_ index: Int) throws -> [BatchArray] {
    let (a, b) = (Float(index % 100) / 100, Float(index / 100) / 100)
    return [try BatchArray("x", [2], [a, b]), try BatchArray("y", [1], [a + b])]
  }
}

/// The data of the README: a model learns from examples that a user makes.
@Suite struct OwnDataTests {
  @Test func aModelLearnsFromDataOfOnesOwn() throws {
    let loader = try DataLoader(Sums(), batchSize: 32, heldOut: 0.1)
    let loss = Loss { output, targets in (output - targets).power(2) }
    let trainer = try DistributedTrainer(
      model: Linear(2, 1), loss: loss, optimizer: .adamW(learningRate: 0.02), threads: 1)
    try trainer.fit(loader, epochs: 1)
    #expect(trainer.step == 282)
    #expect(try trainer.evaluate(loader) ?? 1 < 1e-3)
  }
}
