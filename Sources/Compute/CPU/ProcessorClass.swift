/// What of a processor decides how fast it can compute: figures are compared within a class.
package enum ProcessorClass: String, Hashable, Codable, CaseIterable, Sendable {
  /// Vectors of 256 bits.
  case avx2 = "AVX2"
  /// Vectors of 512 bits.
  case avx512 = "AVX-512"
  /// Vectors of 512 bits, and units that multiply bfloat16 numbers.
  case avx512BFloat16 = "AVX-512 bf16"
}

extension Processor {
  /// The class by its instruction sets.
  package var vectorClass: ProcessorClass {
    guard instructionSets.contains("avx512f") else { return .avx2 }
    return instructionSets.contains("avx512_bf16") ? .avx512BFloat16 : .avx512
  }
}
