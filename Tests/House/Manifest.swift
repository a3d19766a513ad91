/// The targets of `Package.swift`, read from its text: every target there is one call of `module`,
/// `shim`, `executable`, `tests`, `support` or
/// `testProgram`, or an example written out; anything else is an error.
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
    var (rest, targets) = (list, [Target]())
    while !rest.isEmpty {
      guard let (target, end) = call(rest) ?? example(rest) else {
        throw FormatError(
          description: "Package.swift has a target that this cannot read: \(rest.prefix(80))")
      }
      targets.append(target)
      rest = rest[end...]
    }
    return targets
  }

  /// A call of one of the functions.
  private static func call(_ text: Substring) -> (Target, end: String.Index)? {
    let pattern =
      /\s*(\w+)\(\s*"(\w+)"(?:,\s*imports:\s*\[([^\]]*)\])?(?:,\s*(?:exclude|embeds):\s*\[[^\]]*\])?\s*\),?\s*/
    return text.prefixMatch(of: pattern).map { match in
      let prefix = match.1 == "shim" ? "System" : ""
      let target = Target(
        kind: String(match.1), name: prefix + match.2, imports: names(match.3 ?? ""))
      return (target, match.range.upperBound)
    }
  }

  /// A program in `Examples/`, which is written out.
  private static func example(_ text: Substring) -> (Target, end: String.Index)? {
    let pattern =
      /\s*\.executableTarget\(\s*name:\s*"(\w+)",\s*dependencies:\s*\[([^\]]*)\],\s*path:\s*"Examples\/\w+",\s*swiftSettings:\s*\[[^\]]*\]\),?\s*/
    return text.prefixMatch(of: pattern).map { match in
      let target = Target(kind: "example", name: String(match.1), imports: names(match.2))
      return (target, match.range.upperBound)
    }
  }

  private static func names(_ list: Substring) -> Set<String> {
    Set(list.matches(of: /"(\w+)"/).map { String($0.1) })
  }

  /// The targets with a folder in `Sources/`.
  var modules: [Target] {
    targets.filter { !["tests", "support", "testProgram", "example"].contains($0.kind) }
  }

  /// The targets with a folder in `Examples/`.
  var examples: [Target] { targets.filter { $0.kind == "example" } }

  /// The targets with a folder in `Tests/`.
  var tests: [Target] { targets.filter { ["tests", "support", "testProgram"].contains($0.kind) } }

  /// Which target may import which.
  var graph: ImportGraph {
    ImportGraph(
      imports: Dictionary(modules.map { ($0.name, $0.imports) }) { $0.union($1) })
  }
}
