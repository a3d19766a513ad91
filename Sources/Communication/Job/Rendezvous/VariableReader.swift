/// Reads variables, and says which one is wrong.
struct VariableReader {
  let variables: [String: String]

  func text(_ name: String) throws -> String {
    guard let value = variables[name], !value.isEmpty else { throw error(name, "is not set") }
    return value
  }

  func rank(_ name: String) throws -> Int { try number(name, 0...JobLimits.rankCount - 1) }

  func rankCount(_ name: String) throws -> Int { try number(name, 1...JobLimits.rankCount) }

  func port(_ name: String) throws -> UInt16 { UInt16(try number(name, 1...65535)) }

  /// Nil if it is not set.
  func restartNumber(_ name: String) throws -> Int? {
    variables[name] == nil ? nil : try number(name, 0...JobLimits.restartCount)
  }

  /// Whether a person has switched something on by a variable, which need not be there.
  func flag(_ name: String) throws -> Bool {
    switch variables[name] {
    case nil, "0": return false
    case "1": return true
    case let text?:
      throw CommunicationError("\(name) is '\(text)'", at: "environment", fix: "set it to 1 or 0")
    }
  }

  private func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int {
    let text = try text(name)
    guard let value = Int(text), range.contains(value) else {
      throw error(
        name, "is '\(text)', not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func error(_ name: String, _ what: String) -> CommunicationError {
    CommunicationError(
      "\(name) \(what)", at: "environment",
      fix: "start the ranks by deepep launch, torchrun, srun or mpirun, which set it")
  }
}
