import DeepEPElements
import DeepEPTensors

/// Writes a region as LLVM's text: one exported function, the same text for the same region.
///
/// The exported function takes its buffers' addresses out of the array and calls the body, whose
/// parameters say that buffers do not overlap: so loops vectorise without checks at run time.
struct RegionEmitter {
  let region: Region
  let operandTypes: [Type]
  /// Results that lie in an operand's memory, by result index.
  let sharedBuffers: [Int: Int]
  let vectorBits: Int
  /// Whether there are instructions for products of pairs of bfloat16 numbers.
  let hasPairedProducts: Bool

  var text = IRText()
  var registers: [Register: Scalar] = [:]
  var variables: [LoopVariable: String] = [:]
  var accumulators: [Register: (address: String, of: Accumulator)] = [:]
  var scratchNames: [String] = []
  /// The number of loops with a hint not to interleave.
  var loopCount = 0

  init(
    _ region: Region, operandTypes: [Type], sharedBuffers: [Int: Int], vectorBits: Int,
    hasPairedProducts: Bool
  ) {
    self.region = region.mergingParallelLoops()
    self.operandTypes = operandTypes
    self.sharedBuffers = sharedBuffers
    self.vectorBits = vectorBits
    self.hasPairedProducts = hasPairedProducts
  }

  /// The whole module; the exported function is `@kernel`.
  mutating func module() throws -> String {
    try allocateScratch()
    try parallelLoops()
    let parts = [
      exportedFunction(), bodyHeader(), "entry:", text.allocations.joined(separator: "\n"),
      "  br label %start", "start:", text.lines.joined(separator: "\n"), "  ret void", "}",
      text.declarations.sorted().joined(separator: "\n"),
      "attributes #0 = { nounwind \"prefer-vector-width\"=\"\(vectorBits)\" }",
      "!0 = !{!\"llvm.loop.interleave.count\", i32 1}",
      (0..<loopCount).map { "!\($0 + 1) = distinct !{!\($0 + 1), !0}" }.joined(separator: "\n"),
    ]
    return parts.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
  }

  func failure(_ what: String, _ place: String, _ fix: String) -> KernelError {
    KernelError(what: what, place: place, fix: fix)
  }
}

// The two functions.
extension RegionEmitter {
  private var ownResults: [Int] {
    region.resultTypes.indices.filter { sharedBuffers[$0] == nil }
  }

  func parameterName(ofResult result: Int) -> String {
    sharedBuffers[result].map { "%o\($0)" } ?? "%r\(result)"
  }

  private func exportedFunction() -> String {
    let operands = operandTypes.indices.map { (name: "%o\($0)", position: $0) }
    let results = ownResults.map { (name: "%r\($0)", position: operandTypes.count + $0) }
    var lines = ["define void @kernel(ptr %buffers, i64 %begin, i64 %end) #0 {"]
    for (name, position) in operands + results {
      lines.append("  \(name).at = getelementptr ptr, ptr %buffers, i64 \(position)")
      lines.append("  \(name) = load ptr, ptr \(name).at")
    }
    let list = (operands + results).map { "ptr \($0.name), " }.joined()
    lines.append("  call void @body(\(list)i64 %begin, i64 %end)")
    return (lines + ["  ret void", "}"]).joined(separator: "\n")
  }

  private func bodyHeader() -> String {
    let written = Set(sharedBuffers.values)
    let operands = operandTypes.indices.map {
      "ptr noalias \(written.contains($0) ? "" : "readonly ")%o\($0), "
    }
    let results = ownResults.map { "ptr noalias %r\($0), " }
    let list = (operands + results).joined()
    return "define internal void @body(\(list)i64 %begin, i64 %end) noinline #0 {"
  }

  /// A thread's stack has several times as much.
  private static let scratchLimitBytes = 1 << 20

  private mutating func allocateScratch() throws {
    let bytes = region.scratch.reduce(0) { $0 + $1.count * $1.element.byteCount }
    guard bytes <= Self.scratchLimitBytes else {
      throw failure(
        "scratch buffers take \(bytes) bytes", "a region over \(region.parallel)",
        "at most \(Self.scratchLimitBytes) fit on a thread's stack: split the region into smaller parallel iterations"
      )
    }
    scratchNames = region.scratch.map {
      text.allocate($0.element.memoryType, count: $0.count, alignment: 64)
    }
  }
}
