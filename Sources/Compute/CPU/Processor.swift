import DeepEPElements
import DeepEPEvents
import Glibc

/// The processor this runs on, found at run time.
package struct Processor: Sendable {
  /// The model's name.
  package let name: String
  /// The instruction sets that may be used, by the kernel's names of them, such as `avx2`.
  package let instructionSets: Set<String>
  /// The number of processors that are online.
  package let logicalCoreCount: Int

  /// Reads what the system says.
  ///
  /// - Parameter limit: The widest vectors to use, if not all that there are.
  package init(vectors limit: VectorLimit? = nil) {
    let lines = ProcFile.text("/proc/cpuinfo").split(separator: "\n")
    let field = { (name: String) -> Substring in
      guard let line = lines.first(where: { $0.hasPrefix(name) }),
        let colon = line.firstIndex(of: ":")
      else { return "" }
      return line[line.index(after: colon)...].drop { $0 == " " }
    }
    name = String(field("model name"))
    instructionSets = Set(
      field("flags").split(separator: " ").filter { limit?.allows($0) ?? true }.map(String.init))
    logicalCoreCount = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1)
  }

  /// The narrow floats that it multiplies without converting them first.
  package var narrowUnits: Set<ElementType> {
    var units: Set<ElementType> = []
    if !instructionSets.isDisjoint(with: ["avx512_bf16", "amx_bf16"]) { units.insert(.bfloat16) }
    if !instructionSets.isDisjoint(with: ["avx512_fp16", "amx_fp16"]) { units.insert(.float16) }
    return units
  }
}
