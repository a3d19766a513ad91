/// LLVM's text form of one function body, written line by line with fresh names.
struct IRText {
  private(set) var lines: [String] = []
  /// What stands before the first line: memory that lives as long as the call.
  private(set) var allocations: [String] = []
  /// Functions of the C library that the text calls.
  private(set) var declarations: Set<String> = []
  private var nameCount = 0

  mutating func freshName(_ prefix: String = "v") -> String {
    nameCount += 1
    return "\(prefix)\(nameCount)"
  }

  /// Appends an instruction that yields a value, and returns the value's name.
  mutating func value(_ instruction: String) -> String {
    let name = "%" + freshName()
    lines.append("  \(name) = \(instruction)")
    return name
  }

  mutating func line(_ instruction: String) { lines.append("  " + instruction) }

  mutating func block(_ label: String) { lines.append(label + ":") }

  mutating func allocate(_ type: String, count: Int = 1, alignment: Int = 8) -> String {
    let name = "%" + freshName("m")
    let array = count == 1 ? type : "[\(count) x \(type)]"
    allocations.append("  \(name) = alloca \(array), align \(alignment)")
    return name
  }

  /// Declares a function that the text calls.
  mutating func declare(_ declaration: String) { declarations.insert(declaration) }

  mutating func callLibrary(_ function: String, _ type: String, _ operands: [String]) -> String {
    let types = operands.map { _ in type }.joined(separator: ", ")
    declarations.insert("declare \(type) @\(function)(\(types)) nounwind memory(none)")
    return call(function, type, operands)
  }

  /// Calls a function whose operands all have one type.
  mutating func call(
    _ function: String, _ type: String, _ operands: [String], result: String? = nil
  ) -> String {
    let list = operands.map { "\(type) \($0)" }.joined(separator: ", ")
    return value("call \(result ?? type) @\(function)(\(list))")
  }
}

/// LLVM's spelling of floating-point numbers: always the bits of the nearest double.
enum IRLiteral {
  static func double(_ number: Double) -> String { "0x" + hexadecimal(number.bitPattern) }

  static func float(_ number: Double) -> String { double(Double(Float(number))) }

  static func hexadecimal(_ bits: UInt64) -> String {
    let digits = String(bits, radix: 16, uppercase: true)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
