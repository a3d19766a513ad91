/// What must hold when an entry runs: an extent lies between zero and a maximum.
public struct ExtentCheck: Hashable, Sendable {
  /// The extent, an int32 scalar.
  public var value: Value
  /// The largest that it may be.
  public var maximum: Int
  /// What is bounded by it, for people.
  public var name: String

  /// Makes a check.
  public init(value: Value, maximum: Int, name: String) {
    self.value = value
    self.maximum = maximum
    self.name = name
  }

  /// The error of an extent that does not hold; nil if it does.
  package func error(_ extent: Int, entry: EntryName) -> ExtentError? {
    guard !(0...maximum).contains(extent) else { return nil }
    return ExtentError(value: value, extent: extent, maximum: maximum, name: name, entry: entry)
  }
}

/// An extent that is negative or larger than the maximum for which memory was planned.
public struct ExtentError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The extent's place in the graph.
  public var value: Value
  /// What it is.
  public var extent: Int
  /// The largest that it may be.
  public var maximum: Int
  /// What is bounded by it, for people.
  public var name = ""
  /// The entry that was called.
  public var entry: EntryName?

  /// What is wrong.
  public var what: String {
    "the extent \(extent) of \(name.isEmpty ? "\(value)" : name) is not between 0 and \(maximum)"
  }
  /// Where.
  public var place: String { entry.map { "entry '\($0.rawValue)'" } ?? "graph" }
  /// What would fix it.
  public var fix: String {
    extent < 0
      ? "a number of elements cannot be negative: check what computes it"
      : "pass or keep at most \(maximum) elements, or build the program with a larger maximum"
  }
  /// A sentence for people.
  public var description: String { "\(what) (\(place))\n  \(fix)" }
}

extension Entry {
  /// What the bounded dimensions of the entry's values require, by extent in the order of first use.
  package var extentChecks: [ExtentCheck] {
    var found: [ExtentCheck] = []
    for node in graph.nodes {
      for case .bounded(let maximum, let extent) in node.types.flatMap(\.dimensions) {
        if let known = found.firstIndex(where: { $0.value == extent }) {
          guard maximum < found[known].maximum else { continue }
          found[known].maximum = maximum
          found[known].name = name(of: node)
        } else {
          found.append(ExtentCheck(value: extent, maximum: maximum, name: name(of: node)))
        }
      }
    }
    return found
  }

  private func name(of node: Node) -> String {
    if let input = node.operation as? Input, inputs.indices.contains(input.index) {
      return "input '\(inputs[input.index].name)'"
    }
    let module = node.origin.path.isEmpty ? "" : " in module \(node.origin.path)"
    let line = node.origin.source.map { " at \($0.file):\($0.line)" } ?? ""
    return "'\(node.operation.name)'\(module)\(line)"
  }
}
