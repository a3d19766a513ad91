import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Testing

/// A processor that is held to narrower vectors than it has.
@Suite struct VectorLimitTests {
  @Test(arguments: VectorLimit.allCases)
  func excludesWhatIsWider(_ limit: VectorLimit) {
    let processor = Processor(vectors: limit)
    #expect(processor.vectorClass != .avx512BFloat16)
    #expect(processor.narrowUnits.isEmpty)
    if limit == .avx2 { #expect(processor.vectorClass == .avx2) }
    #expect(processor.instructionSets.isSubset(of: Processor().instructionSets))
  }

  @Test func turnsFeaturesOff() {
    let features = "+avx2,+avx512f,+avx512bf16,-amx-tile,+fma"
    #expect(VectorLimit.avx2.limiting(features) == "+avx2,-avx512f,-avx512bf16,-amx-tile,+fma")
    #expect(VectorLimit.avx512.limiting(features) == "+avx2,+avx512f,-avx512bf16,-amx-tile,+fma")
  }

  @Test func kernelsOfALimitedLibraryAreNarrow() throws {
    let pool = try ThreadPool(threadCount: 1)
    let compiler = try KernelCompiler(pool: pool, library: KernelLibrary(vectorLimit: .avx2))
    #expect(compiler.vectorBits == 256)
  }
}
