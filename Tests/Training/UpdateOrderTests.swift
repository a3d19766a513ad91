import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Testing

/// Parameters are updated inside backward, each as soon as its gradient is there.
@Suite struct UpdateOrderTests {
  /// How many of the large parameters of a GPT have their new values before the last gradient is made.
  private func earlyCount(clip: Double?) throws -> (early: Int, all: Int) {
    let model = GPT2(
      GPT2Configuration(vocabulary: 65, context: 8, width: 64, layers: 3, heads: 2))
    let inputs = [
      TensorDescription("ids", .int32, [4, 8]), TensorDescription("targets", .int32, [4, 8]),
    ]
    let traced = try ProgramBuilder.traced(model, .crossEntropy, inputs: inputs)
    let builder = ProgramBuilder(optimizer: AdamW(learningRate: 1e-2), clipNorm: clip)
    let program = try builder.completed(traced).applying(Program.lowering)
    let entry = try #require(program.entry(.step))
    let last = entry.graph.nodes.lastIndex { $0.origin.phase == .weightGradient } ?? 0
    let large = entry.updates.filter {
      program.slots[$0.slot].kind == .parameter && program.slots[$0.slot].type.elementCount > 4096
    }
    return (large.count { entry.graph.base($0.value).node < last }, large.count)
  }

  @Test func largeParametersAreUpdatedWhileOthersWait() throws {
    let (early, all) = try earlyCount(clip: nil)
    // All but the table, whose gradient is the last one.
    #expect(all > 9)
    #expect(early >= all - 2)
  }

  @Test func clippedOnesWaitForTheNorm() throws {
    #expect(try earlyCount(clip: 1).early == 0)
  }
}
