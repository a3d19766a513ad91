import DeepEPCompute
import DeepEPLaws
import DeepEPTransforms
import Testing

/// The law of parallelism: any strategy, over any links, gives what one rank computes, after three steps, in losses,
/// parameters, the optimiser's state (which holds the gradients), statistics and averages.
@Suite struct PartitionLawTests {
  private static func seeds(_ block: Int, usually count: Int) -> Range<UInt64> {
    LawSeeds.of(UInt64(block * 20)..<UInt64(block * 20 + 20), usually: count)
  }

  /// In float64 on the interpreter, to 1e-9.
  @Test(arguments: 0..<10) func anyStrategyTrainsAlike(_ block: Int) throws {
    for seed in Self.seeds(block, usually: 8) {
      var random = RandomTraining(seed: seed)
      let run = try random.run(isWide: true)
      let found = try run.interpreted(random.strategy, random.links)
      let differences = try run.alone().differences(from: found, tolerance: 1e-9)
      #expect(differences.isEmpty, "\(random): \(differences)")
    }
  }

  /// In float32 through plans and executors, with SGD, norm-wise to 1e-5.
  @Test(arguments: 0..<10) func anyCompiledStrategyTrainsAlike(_ block: Int) throws {
    let kernels = try KernelLibrary()
    for seed in Self.seeds(block, usually: 3) {
      var random = RandomTraining(seed: seed)
      let run = try random.run(isWide: false)
      let found = try run.compiled(random.strategy, random.links, kernels)
      let one = try run.compiled(Strategy(), random.links, kernels)
      let differences = one.differences(from: found, tolerance: 1e-5)
      #expect(differences.isEmpty, "\(random): \(differences)")
    }
  }
}
