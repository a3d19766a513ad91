import DeepEPModels
import DeepEPOptimizers
import DeepEPPlans
import DeepEPStorage
import DeepEPTargets
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Testing

/// The bytes of a rank are those of the formulas.
@Suite struct RankBytesTests {
  private static func bytes(
    _ strategy: Strategy
  ) throws -> (RankBytes, parameters: Int, plan: Plan) {
    let configuration = GPT2Configuration(
      vocabulary: 64, context: 16, width: 64, layers: 2, heads: 4)
    let traced = try ProgramBuilder.traced(
      GPT2(configuration), .crossEntropy,
      inputs: ["ids", "targets"].map { TensorDescription($0, .int32, [8, 16]) })
    let program = try ProgramBuilder(optimizer: AdamW()).completed(traced)
    let rank = try program.applying([Expand(), Partition(strategy), Simplify(), Fuse()])
    let plan = try Plan(Order().apply(rank), for: MachineTable.twoCores)
    let bytes = RankBytes(program, plan, strategy, Schedule(program, microBatches: 1))
    return (bytes, 4 * configuration.parameterCount, plan)
  }

  /// Rajbhandari et al.: ZeRO, 2020, figure 1, for float32 with Adam: parameters and gradients of 4
  /// bytes a weight, state of 8, each divided by the number of ranks from its stage on.
  @Test(arguments: [2, 4, 8], 0...3) func zeroFollowsItsFormulas(_ data: Int, _ stage: Int) throws {
    let (bytes, whole, _) = try Self.bytes(Strategy(data: data, zero: stage))
    // The step counter is beside the parameters.
    #expect(bytes.parameters - 4 == (stage >= 3 ? whole / data : whole))
    #expect(bytes.gradients == (stage >= 2 ? whole / data : whole))
    #expect(bytes.optimizer == (stage >= 1 ? 2 * whole / data : 2 * whole))
  }

  /// Shoeybi et al.: Megatron-LM, 2019, section 3: attention, the hidden layer and the vocabulary are
  /// divided; norms, positions and the biases after the sums are on every rank.
  @Test(arguments: [2, 4]) func tensorParallelismDividesTheLayers(_ tensor: Int) throws {
    let (bytes, whole, _) = try Self.bytes(Strategy(tensor: tensor))
    let (width, layers) = (64, 2)
    let onEach = 4 * (16 * width + layers * (4 * width + 2 * width) + 2 * width)
    #expect(bytes.parameters - 4 == onEach + (whole - onEach) / tensor)
    #expect(bytes.gradients == onEach + (whole - onEach) / tensor)
    #expect(bytes.optimizer == 2 * bytes.gradients)
  }

  /// Forward's values are split with the batch, and all of them are in memory when backward begins.
  @Test func whatForwardKeepsIsInThePlan() throws {
    let (one, _, plan) = try Self.bytes(Strategy())
    #expect(one.activations > 0 && one.activations <= plan.valueBytes)
    let (half, _, _) = try Self.bytes(Strategy(data: 2))
    // The divisor of the loss is a number that does not depend on the batch.
    #expect(abs(one.activations - 2 * half.activations) <= 64)
  }
}
