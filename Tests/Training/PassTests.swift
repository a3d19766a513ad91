import DeepEPElements
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms
import Testing

/// How often programs that have been lowered cross memory for what is large.
@Suite struct PassTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var clipNorm: Double?
    var accumulation = 1
    var precision = Precision.float32
    /// What the update reads and writes, in values of the parameter's size.
    let reads: Int
    let writes: Int

    var testDescription: String {
      "clipping \(clipNorm ?? 0), accumulation \(accumulation), \(precision)"
    }
  }

  /// The weight, both moments and the gradient are read once, and the first three written; clipping reads
  /// the gradient once more, and so does the test for finite ones, in the same pass; an accumulator is emptied.
  static let cases = [
    Case(reads: 4, writes: 3), Case(clipNorm: 1, reads: 5, writes: 3),
    Case(accumulation: 4, reads: 4, writes: 4),
    Case(clipNorm: 1, accumulation: 4, reads: 5, writes: 4),
    Case(precision: .bfloat16, reads: 4, writes: 3),
    Case(clipNorm: 1, accumulation: 4, precision: .bfloat16, reads: 5, writes: 4),
    Case(clipNorm: 1, precision: .bfloat16, reads: 5, writes: 3),
    Case(clipNorm: 1, precision: .float16, reads: 5, writes: 3),
  ]

  private func program(_ test: Case) throws -> Program {
    let sizes = GPT2Configuration(vocabulary: 19, context: 12, width: 48, layers: 1, heads: 2)
    let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [3, 10]) }
    let traced = try ProgramBuilder.traced(GPT2(sizes), .crossEntropy, inputs: inputs)
    let builder = ProgramBuilder(
      optimizer: AdamW(), clipNorm: test.clipNorm, gradientAccumulation: test.accumulation,
      lossScaling: test.precision == .float16 ? LossScaling() : nil)
    return try builder.completed(traced)
      .applying(Program.lowering(Strategy(precision: test.precision)))
  }

  /// The weight of queries, keys and values is the only value of its size.
  @Test(arguments: cases) func anUpdateIsOnePass(_ test: Case) throws {
    let program = try program(test)
    let entry = try #require(program.entry(test.accumulation > 1 ? .update : .step))
    let count = 48 * 144
    let found = entry.traffic(phase: .update) { $0.elementCount == count }
    #expect(found.reads == test.reads && found.writes == test.writes, "\(found)")
    guard test.accumulation > 1 else { return }
    // Accumulators are added to by the contractions that make the gradients; weights are rounded once.
    let accumulate = try #require(program.entry(.accumulate))
    let regions = accumulate.traffic { $0.elementCount == count }
    let casts = test.precision == .float32 ? 0 : 1
    #expect(regions.reads == casts && regions.writes == casts, "\(regions)")
  }
}

extension Entry {
  /// The number of large values that regions read and write, in all nodes of a phase.
  fileprivate func traffic(
    phase: Phase? = nil, _ isLarge: (Type) -> Bool
  ) -> (reads: Int, writes: Int) {
    var (reads, writes) = (0, 0)
    for node in graph.nodes where node.operation is Region {
      guard phase == nil || node.origin.phase == phase else { continue }
      reads += Set(node.operands).count { isLarge(graph.type(of: $0)) }
      writes += node.types.count(where: isLarge)
    }
    return (reads, writes)
  }
}
