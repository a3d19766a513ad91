/// The widest vector instructions that may be used, where the processor has wider ones.
///
/// Machines that differ compute the same numbers with what all of them have, and a run shows what it
/// would be on a lesser processor.
package enum VectorLimit: String, Hashable, CaseIterable, Sendable {
  /// Vectors of 256 bits.
  case avx2
  /// Vectors of 512 bits, without units for narrow floats.
  case avx512

  /// Whether an instruction set may be used, by the kernel's name of it or LLVM's.
  func allows(_ instructionSet: some StringProtocol) -> Bool {
    let excluded =
      switch self {
      case .avx2: ["avx512", "avx10", "amx"]
      case .avx512:
        ["avx512_bf16", "avx512bf16", "avx512_fp16", "avx512fp16", "avx10", "amx"]
      }
    return !excluded.contains { instructionSet.hasPrefix($0) }
  }

  /// LLVM's list of features, such as `+avx2,-amx-bf16`, without those that may not be used.
  package func limiting(_ features: String) -> String {
    features.split(separator: ",")
      .map { allows($0.dropFirst()) ? String($0) : "-" + $0.dropFirst() }
      .joined(separator: ",")
  }
}
