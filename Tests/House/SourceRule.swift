/// What no source file may contain.
///
/// Force unwraps are the linter's business.
struct SourceRule {
  let name: String
  /// Whether a line of code, given the line above it, breaks the rule.
  let isBroken: @Sendable (_ line: Substring, _ above: Substring) -> Bool

  static let all: [SourceRule] = [
    SourceRule(name: "try! hides an error") { line, _ in line.contains(/\btry!/) },
    SourceRule(name: "as! traps; use as? and an error that says what was expected") { line, _ in
      line.contains(/\bas!/)
    },
    SourceRule(name: "fatalError( ends the user's process; throw") { line, _ in
      line.contains(/\bfatalError\(/)
    },
    SourceRule(name: "unsafeFlags makes the package useless as a dependency") { line, _ in
      line.contains("unsafeFlags")
    },
    SourceRule(name: "@unchecked Sendable needs a comment directly above that says why") {
      line, above in
      line.contains(/@unchecked\s+Sendable/) && !above.drop(while: \.isWhitespace).hasPrefix("//")
    },
  ]

  /// One of them is in whatever breaks a rule; most files have none, which is seen sooner.
  private static let words = ["try!", "as!", "fatalError", "unsafeFlags", "@unchecked"]

  /// The places of a file that break a rule, in words.
  static func offences(in file: SourceFile) -> [String] {
    guard words.contains(where: { file.text.contains($0) }) else { return [] }
    let lines = file.lines
    return lines.indices.flatMap { index in
      let above = index == 0 ? "" : lines[index - 1]
      return all.filter { $0.isBroken(code(lines[index]), above) }.map {
        "\(file.path):\(index + 1): \($0.name)"
      }
    }
  }

  /// A line without the comment at its end.
  private static func code(_ line: Substring) -> Substring {
    line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
  }
}
