/// The table of modules as the design has it, from the bottom of the house up.
///
/// There is a row per module, also for modules that are still to come. `Package.swift` and all import
/// lines are compared with it. Names are short, as the folders of `Sources/` have them; targets carry the prefix `DeepEP`.
enum ModuleTable {
  /// What a module may import of the house.
  enum Imports: Equatable {
    /// Its target declares these, as far as they exist yet, and no others.
    case exactly(Set<String>)
    /// Its target declares as many as it likes of the rows above; of the C shims none.
    case allAbove
  }

  struct Row {
    let name: String
    let imports: Imports
  }

  static let rows: [Row] = [
    // The design has one row `System*` without imports, at the end. Here the shims stand below their
    // users, and import one another: `SystemLibraries` opens libraries for the others.
    row("SystemLibraries"),
    row("SystemOneDNN", ["SystemLibraries"]),
    row("SystemLLVM", ["SystemLibraries"]),
    row("SystemOpenMP", ["SystemLibraries"]),
    row("SystemUCX", ["SystemLibraries"]),
    row("SystemMPI", ["SystemLibraries"]),
    // Loops in C, compiled for several processors: only `Communication` uses them yet.
    row("VectorLoops"),
    row("Elements"),
    row("Events"),
    row("Tensors", ["Elements"]),
    row("Targets", ["Tensors", "Elements"]),
    row("Models", ["Tensors", "Elements"]),
    row("Optimizers", ["Tensors", "Elements"]),
    row("Transforms", ["Tensors", "Targets", "Elements"]),
    row("Plans", ["Transforms", "Tensors", "Targets", "Elements"]),
    // The C shims are implied in the design's row: only `Compute` and `Communication` see libraries.
    row(
      "Compute",
      ["Tensors", "Targets", "Elements", "Events", "SystemOneDNN", "SystemLLVM", "SystemOpenMP"]),
    row("Communication", ["Elements", "Events", "VectorLoops", "SystemUCX", "SystemMPI"]),
    row("Storage", ["Elements", "Events"]),
    row(
      "Execution",
      [
        "Plans", "Transforms", "Tensors", "Targets", "Elements", "Compute", "Communication",
        "Storage", "Events",
      ]),
    row("Profiling", ["Events"]),
    row(
      "Planning",
      ["Plans", "Transforms", "Tensors", "Targets", "Elements", "Profiling", "Events"]),
    Row(name: "Training", imports: .allAbove),
    // One row of the design, so neither of the two imports the other: see `allowed(_:)`.
    Row(name: "DeepEP", imports: .allAbove),
    Row(name: "Command", imports: .allAbove),
  ]

  private static func row(_ name: String, _ imports: Set<String> = []) -> Row {
    Row(name: name, imports: .exactly(imports))
  }

  /// The modules that cannot reach one another, so that each can be replaced alone.
  static let independent = ["Compute", "Communication", "Storage"]

  /// Modules of the toolchain that library code may import.
  ///
  /// Foundation is not one of them: a static library with all of it is four times as large.
  static let system: Set<String> = ["Glibc", "Dispatch", "Synchronization", "FoundationEssentials"]

  static func isShim(_ name: String) -> Bool { name.hasPrefix("System") }

  /// What a row may import; `exactly` is the list itself.
  static func allowed(_ name: String) -> Set<String> {
    guard let index = rows.firstIndex(where: { $0.name == name }) else { return [] }
    switch rows[index].imports {
    case .exactly(let names): return names
    case .allAbove:
      let above = rows[..<index].map(\.name).filter { !isShim($0) && $0 != "DeepEP" }
      return Set(above)
    }
  }

  /// Every row with what it may import.
  static var imports: [String: Set<String>] {
    Dictionary(uniqueKeysWithValues: rows.map { ($0.name, allowed($0.name)) })
  }
}
