import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// The pool and the processor.
@Suite struct PoolTests {
  /// Adds one to each element, so that an index run twice or never shows.
  @Test(arguments: 1...4) func coversEachIndexOnce(_ threads: Int) throws {
    let machine = try Machine(threads: threads)
    for count in [1, 2, 3, 5, 64, 1001] {
      var (builder, body) = (RegionBuilder(parallel: 1), [Statement]())
      let access = Access(.operand(0), SampleRegions.index((0, 1)))
      let old = builder.define(&body, .int32, .load(access))
      let one = builder.define(&body, .int32, .constant(1))
      let sum = builder.define(&body, .int32, .binary(.add, old, one))
      body.append(.store(Access(.result(0), access.index), sum))
      let region = Region(resultTypes: [Type(.int32, [count])], parallel: [count], body: body)
      let counts = Numbers(.int32, Array(repeating: 0, count: count))
      _ = try machine.run(region, [counts], shared: [0: 0])
      #expect(counts.values.allSatisfy { $0 == 1 })
    }
  }

  @Test func processorIsKnown() throws {
    let processor = Processor()
    #expect(!processor.name.isEmpty && processor.logicalCoreCount >= 1)
    #expect(processor.instructionSets.contains("avx2"))
    let machine = try Machine(threads: 1)
    let probe = try MultiplyAddProbe(compiler: machine.compiler, pool: machine.pool)
    #expect(probe.gigaflops(seconds: 0.001) > 0)
  }
}
