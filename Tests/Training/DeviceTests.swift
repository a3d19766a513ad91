import DeepEPModels
import DeepEPTensors
import DeepEPTraining
import Testing

/// Values of tensors outside of training.
@Suite struct DeviceTests {
  @Test func valuesAreComputedAndStructuresCompiledOnce() throws {
    let device = try Device(threads: 1)
    for scale in [1.0, 2, 3] {
      let norm = try device.run {
        (try (Tensor([3, 4]) * Tensor(passing: scale)).power(2).sum().squareRoot().scalar())
      }
      #expect(abs(norm - 5 * scale) < 1e-5)
    }
    #expect(device.compilationCount == 1)
    _ = try device.run { try (Tensor([3, 4]) * 7).array() }
    #expect(device.compilationCount == 2)
  }

  @Test func aLoopThatMaterializesKeepsTwoStructures() throws {
    let device = try Device(threads: 1)
    let root = try device.run {
      var (x, change, rounds) = (Tensor([1]), 1.0, 0)
      while change > 1e-6, rounds < 30 {
        let next = try ((x + 2 / x) * 0.5).materialized()
        change = try abs((next - x).sum().scalar())
        (x, rounds) = (next, rounds + 1)
      }
      return try x.array().doubles[0]
    }
    #expect(abs(root - 2.0.squareRoot()) < 1e-6)
    // A step from a constant and one from a known value; a difference of each.
    #expect(device.compilationCount <= 4)
  }

  @Test func parametersHaveTheFirstValuesOfARun() throws {
    let layer = Linear(3, 2)
    let found = try Device(threads: 1, seed: 5).run(layer) { try layer.weight.tensor.array() }
    var program = Program(slots: layer.parameters.map { Slot(name: $0.name, $0.parameter) })
    program = try InitializerWriter(seed: 5).adding(to: program)
    var interpreter = try Interpreter(program)
    _ = try interpreter.call(.initialize)
    #expect(zip(found.doubles, interpreter.slots[0].doubles).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(found.doubles.contains { $0 != 0 })
  }

  @Test func aModelOutsideOfTrainingIsWhatTheInterpreterSays() throws {
    let (first, second) = (Linear(3, 4), Linear(4, 2))
    let device = try Device(threads: 2)
    let (weights, output) = try device.run {
      let weights = try [first, second].flatMap { [$0.weight, $0.bias] }.compactMap { $0 }.map {
        ($0, try $0.tensor.array())
      }
      return (weights, try second(first(Tensor([1, -2, 3], shape: [1, 3])).relu()).array())
    }
    let values = Dictionary(uniqueKeysWithValues: weights.map { (ObjectIdentifier($0.0), $0.1) })
    let expected = try Evaluation(InterpreterEvaluator(values)).scope {
      try second(first(Tensor([1, -2, 3], shape: [1, 3])).relu()).array()
    }
    #expect(zip(output.doubles, expected.doubles).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(output.shape == [1, 2])
  }
}
