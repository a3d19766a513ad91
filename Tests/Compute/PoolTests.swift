import DeepEPCompute
import DeepEPTensors
import Testing

@Suite struct PoolTests {
  @Test func addsOne() throws {
    let pool = try ThreadPool(threadCount: 2)
    let compiler = try KernelCompiler(pool: pool)
    let access = Access(.operand(0), Index(terms: [IndexTerm(0, stride: 1)]))
    let region = Region(
      resultTypes: [Type(.float32, [100])], parallel: [100],
      body: [
        .define(0, .float32, .load(access)),
        .define(1, .float32, .unary(.exponential, 0)),
        .store(Access(.result(0), access.index), 1),
      ])
    let kernel = try compiler.compile(region, operandTypes: [Type(.float32, [100])])
    let input = UnsafeMutableRawPointer.allocate(byteCount: 400, alignment: 64)
    let output = UnsafeMutableRawPointer.allocate(byteCount: 400, alignment: 64)
    defer {
      input.deallocate()
      output.deallocate()
    }
    for i in 0..<100 { input.storeBytes(of: Float(i) / 10, toByteOffset: 4 * i, as: Float.self) }
    pool.run(kernel, [input, output], count: 100)
    #expect(abs(output.load(fromByteOffset: 40, as: Float.self) - 2.7182817) < 1e-6)
  }
}
