/// What no source file may contain.
///
/// Force unwraps are the linter's business.
struct SourceRule {
  let name: String
  /// What every line that breaks it contains.
  let word: String
  /// Whether a line of code, given the line above it, breaks the rule.
  let isBroken: @Sendable (_ line: Substring, _ above: Substring) -> Bool

  static let all: [SourceRule] = [
    SourceRule(name: "try! hides an error", word: "try!") { line, _ in line.contains(/\btry!/) },
    SourceRule(name: "as! traps; use as? and an error that says what was expected", word: "as!") {
      line, _ in
      line.contains(/\bas!/)
    },
    SourceRule(name: "fatalError( ends the user's process; throw", word: "fatalError") { line, _ in
      line.contains(/\bfatalError\(/)
    },
    SourceRule(name: "unsafeFlags makes the package useless as a dependency", word: "unsafeFlags") {
      line, _ in
      line.contains("unsafeFlags")
    },
    SourceRule(
      name: "@unchecked Sendable needs a comment directly above that says why", word: "@unchecked"
    ) { line, above in
      line.contains(/@unchecked\s+Sendable/) && !above.drop(while: \.isWhitespace).hasPrefix("//")
    },
  ]

  /// The places of a file that break a rule, in words.
  static func offences(in file: SourceFile) -> [String] {
    // Patterns are slow, and most files have none of the words.
    let rules = all.filter { file.text.contains($0.word) }
    guard !rules.isEmpty else { return [] }
    let lines = file.lines
    return lines.indices.flatMap { index in
      let above = index == 0 ? "" : lines[index - 1]
      return rules.filter { $0.isBroken(code(lines[index]), above) }.map {
        "\(file.path):\(index + 1): \($0.name)"
      }
    }
  }

  /// A line without the comment at its end.
  private static func code(_ line: Substring) -> Substring {
    line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
  }
}
