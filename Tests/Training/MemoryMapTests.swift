import DeepEPCompute
import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPPlans
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import Testing

/// A memory map is what a plan does, so the law of plans holds in it.
@Suite struct MemoryMapTests {
  private func plan() throws -> Plan {
    let model = GPT2(
      GPT2Configuration(vocabulary: 27, context: 16, width: 32, layers: 2, heads: 2))
    let data = ArrayLoader.random(
      seed: 3, examples: 4, batchSize: 2, input: [16], targets: [16], classes: 27)
    let inputs = data.inputs.map { input in
      input.name == "x" ? .init("ids", .int32, input.shape) : input
    }
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: inputs)
    let program = try ProgramBuilder(optimizer: .adamW(learningRate: 1e-3)).completed(traced)
    return try TrainingSession(program, on: CPUDevice(threadCount: 2)).plan
  }

  /// Two values that are there at one time lie in different places.
  @Test func valuesDoNotOverlap() throws {
    let plan = try plan()
    for entry in [EntryName.step, .evaluate, .initialize] {
      let map = try #require(MemoryMap(plan, entry))
      #expect(map.blocks.count > 5)
      for (index, block) in map.blocks.enumerated() {
        let other = map.blocks[..<index].first {
          $0.instructions.overlaps(block.instructions)
            && $0.placement.range.overlaps(block.placement.range)
        }
        #expect(other == nil, "\(entry): \(block) and \(String(describing: other))")
      }
      let live = try #require(plan.segment(entry)).liveBytes
      #expect(map.usage.max() ?? 0 <= live)
      if entry == .step { #expect(Double(map.usage.max() ?? 0) > 0.8 * Double(live)) }
      #expect(map.text().contains("\(map.usage[map.peakInstruction]) in use at instruction"))
    }
    #expect(MemoryMap(plan, .generate) == nil)
  }
}

extension Placement {
  fileprivate var range: Range<Int> { offsetBytes..<offsetBytes + byteCount }
}
