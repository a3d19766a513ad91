import DeepEPCompute
import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import Foundation
import Testing

/// A linear classifier with the weights and data of `Fixtures/make_adamw.py`.
private struct Classifier: Module {
  let weight = Parameter([3, 4], .zeros)
  let bias = Parameter([3], .zeros)

  func callAsFunction(_ x: Tensor) -> Tensor { x.matmul(weight, transposingRight: true) + bias }
}

private struct Rows: BatchLoader {
  let batchSize = 6
  let examplesPerEpoch = 6
  let validationBatchCount = 0
  var inputs: [TensorDescription] {
    [TensorDescription("x", .float32, [6, 4]), TensorDescription("y", .int32, [6])]
  }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    let x = (0..<24).map { Float(sin(Double($0 + 1))) }
    let arrays = [
      try BatchArray("x", [6, 4], x),
      try BatchArray("y", [6], [Int32](arrayLiteral: 0, 1, 2, 2, 1, 0)),
    ]
    return Batch(arrays, validCount: 6)
  }

  func validationBatch(_ index: Int) throws -> Batch { try batch(atExample: 0, count: 6) }
}

/// AdamW with clipping follows PyTorch 2.13 (`torch.optim.AdamW`, `clip_grad_norm_`).
@Suite struct AdamWTests {
  @Test func fiveStepsFollowPyTorch() throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/adamw.txt")
    let lines = try String(contentsOf: fixture, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: " ").compactMap { Double($0) }
    }
    let optimizer = AdamW(learningRate: 0.05, beta2: 0.99, weightDecay: 0.1)
    let traced = try ProgramBuilder.traced(Classifier(), .crossEntropy, inputs: Rows().inputs)
    let program = try ProgramBuilder(optimizer: optimizer, clipNorm: 0.2).completed(traced)
    let session = try TrainingSession(program, on: CPUDevice())
    try session.initialize()
    try session.executor.withSlot("weight") { _, bytes in
      for index in 0..<12 {
        bytes.storeBytes(of: Float(cos(Double(index + 1))), toByteOffset: 4 * index, as: Float.self)
      }
    }
    for step in 0..<5 {
      let loss = try session.step(Rows())
      let norm = try session.executor.result("gradient_norm", of: .step).doubles[0]
      #expect(abs(loss - lines[step][0]) < 2e-6, "loss of step \(step + 1)")
      #expect(abs(norm - lines[step][1]) < 2e-6, "norm of step \(step + 1)")
    }
    for (name, expected) in [("weight", lines[5]), ("bias", lines[6])] {
      let found = try session.executor.withSlot(name) { _, bytes in
        bytes.bindMemory(to: Float.self).map { Double($0) }
      }
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 5e-6 }, "\(name) \(found)")
    }
  }
}
