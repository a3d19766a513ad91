import DeepEPEvents

/// Measures how fast the processor multiplies and adds when nothing but arithmetic limits it: the
/// yardstick for the speed of everything else.
package struct MultiplyAddProbe {
  // Enough independent chains to hide the latency of four cycles on two units.
  private static let chainCount = 12
  private static let roundsPerIteration = 1_000

  private let pool: ThreadPool
  private let kernel: KernelFunction
  private let lanes: Int

  /// Compiles the loop.
  package init(compiler: KernelCompiler, pool: ThreadPool) throws {
    self.pool = pool
    lanes = compiler.vectorBits / 32
    kernel = try compiler.compile([KernelSource(text: Self.text(lanes: lanes))])[0]
  }

  /// The best rate of a few short runs on all threads of the pool, in billions of operations a
  /// second; a multiplication and an addition are two.
  package func gigaflops(seconds: Double = 0.15) -> Double {
    let count = pool.threadCount * 1_000
    let operations = Double(count * Self.roundsPerIteration * Self.chainCount * lanes * 2)
    var (best, elapsed) = (Double.infinity, 0.0)
    withUnsafeTemporaryAllocation(of: Optional<UnsafeMutableRawPointer>.self, capacity: 1) {
      buffers in
      withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { sink in
        buffers.initialize(repeating: sink.baseAddress)
        guard let start = buffers.baseAddress else { return }
        while elapsed < seconds {
          let began = Clock.seconds
          pool.run(kernel, start, count: count)
          let took = Clock.seconds - began
          (best, elapsed) = (min(best, took), elapsed + took)
        }
      }
    }
    return operations / best / 1e9
  }

  private static func text(lanes: Int) -> String {
    let type = "<\(lanes) x float>"
    let splat = { "splat (float \(IRLiteral.float($0)))" }
    let chains = 0..<chainCount
    let phis = chains.map {
      "  %x\($0) = phi \(type) [ \(splat(Double($0))), %entry ], [ %y\($0), %loop ]"
    }
    let steps = chains.map {
      "  %y\($0) = call \(type) @llvm.fma.v\(lanes)f32(\(type) %x\($0), "
        + "\(type) \(splat(0.999)), \(type) \(splat(0.001)))"
    }
    let sums = chains.dropFirst().map { "  %s\($0) = fadd \(type) %s\($0 - 1), %y\($0)" }
    return """
      define void @kernel(ptr %buffers, i64 %begin, i64 %end) #0 {
      entry:
        %count = sub i64 %end, %begin
        %rounds = mul i64 %count, \(roundsPerIteration)
        br label %loop
      loop:
        %i = phi i64 [ 0, %entry ], [ %next, %loop ]
      \(phis.joined(separator: "\n"))
      \(steps.joined(separator: "\n"))
        %next = add nuw nsw i64 %i, 1
        %done = icmp uge i64 %next, %rounds
        br i1 %done, label %exit, label %loop
      exit:
        %s0 = fadd \(type) %y0, splat (float 0.0)
      \(sums.joined(separator: "\n"))
        %total = extractelement \(type) %s\(chainCount - 1), i64 0
        %negative = fcmp olt float %total, 0.0
        br i1 %negative, label %keep, label %return
      keep:
        %sink = load ptr, ptr %buffers
        store float %total, ptr %sink
        br label %return
      return:
        ret void
      }
      attributes #0 = { nounwind "prefer-vector-width"="\(lanes * 32)" }

      """
  }
}
