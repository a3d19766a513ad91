/// The targets of `Package.swift`, read from its text: every target there is one call of `module`,
/// `shim`, `executable` or `tests`, and anything else is an error.
struct Manifest {
  struct Target: Equatable {
    /// The function that declares it.
    let kind: String
    /// The short name.
    let name: String
    let imports: Set<String>
  }

  struct FormatError: Error, CustomStringConvertible {
    let description: String
  }

  let text: String
  let targets: [Target]

  init(_ text: String) throws {
    self.text = text
    guard let list = text.wholeMatch(of: /(?s).*\n  targets: \[\n(.*)\n  \]\n\)\n/) else {
      throw FormatError(description: "Package.swift does not end with the list of its targets")
    }
    targets = try Self.targets(in: list.1)
  }

  private static func targets(in list: Substring) throws -> [Target] {
    let call =
      /\s*(\w+)\(\s*"(\w+)"(?:,\s*imports:\s*\[([^\]]*)\])?(?:,\s*exclude:\s*\[[^\]]*\])?\s*\),?\s*/
    var (rest, targets) = (list, [Target]())
    while !rest.isEmpty {
      guard let match = rest.prefixMatch(of: call) else {
        throw FormatError(
          description: "Package.swift has a target that this cannot read: \(rest.prefix(80))")
      }
      let prefix = match.1 == "shim" ? "System" : ""
      let imports = (match.3 ?? "").matches(of: /"(\w+)"/).map { String($0.1) }
      targets.append(
        Target(kind: String(match.1), name: prefix + match.2, imports: Set(imports)))
      rest = rest[match.range.upperBound...]
    }
    return targets
  }

  /// The targets with a folder in `Sources/`.
  var modules: [Target] { targets.filter { $0.kind != "tests" } }

  /// The targets with a folder in `Tests/`.
  var tests: [Target] { targets.filter { $0.kind == "tests" } }

  /// Which target may import which.
  var graph: ImportGraph {
    ImportGraph(
      imports: Dictionary(modules.map { ($0.name, $0.imports) }) { $0.union($1) })
  }
}
