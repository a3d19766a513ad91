import DeepEPElements

extension Program {
  /// Reads the text form of a program.
  ///
  /// - Throws: ``TextError`` with the line; ``VerificationError`` if the program is not valid.
  public init(text: String, table: OperationTable = .standard) throws {
    var parser = ProgramParser(table: table)
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      var scanner = TextScanner(line, line: index + 1)
      if !scanner.isAtEnd { try parser.read(&scanner) }
    }
    self = parser.program
    try verify()
  }
}

/// Reads programs line by line.
private struct ProgramParser {
  let table: OperationTable
  let attributes = AttributeText()
  var program = Program()

  mutating func read(_ scanner: inout TextScanner) throws {
    if scanner.take("slot ") { return try slot(&scanner) }
    if scanner.take("entry ") { return try entry(&scanner) }
    guard let last = program.entries.indices.last else {
      throw scanner.error("expected 'slot' or 'entry'")
    }
    if scanner.take("argument ") {
      let name = scanner.name()
      try scanner.expect(":")
      program.entries[last].inputs.append(try input(name, &scanner))
    } else if scanner.take("update ") {
      let slot = try scanner.integer()
      program.entries[last].updates.append(SlotUpdate(slot: slot, value: try scanner.value()))
    } else if scanner.take("return ") {
      let name = scanner.name()
      program.entries[last].results.append(EntryResult(name: name, value: try scanner.value()))
    } else {
      try node(&scanner, &program.entries[last].graph)
    }
    try scanner.end()
  }

  private mutating func slot(_ scanner: inout TextScanner) throws {
    let name = scanner.name()
    try scanner.expect(":")
    let type = try scanner.type()
    let text = try scanner.object() ?? "{}"
    let rest = try located(scanner) { try attributes.value(SlotAttributes.self, text) }
    var slot = Slot(
      name: name, type: type, initializer: rest.initializer, axes: rest.axes, kind: rest.kind,
      isTrainable: rest.isTrainable)
    slot.shard = rest.shard
    program.slots.append(slot)
    try scanner.end()
  }

  private func input(_ name: String, _ scanner: inout TextScanner) throws -> EntryInput {
    let type = try scanner.type()
    guard let text = try scanner.object() else { return EntryInput(name: name, type: type) }
    let rest = try located(scanner) { try attributes.value(InputAttributes.self, text) }
    return EntryInput(name: name, type: type, axes: rest.axes)
  }

  private mutating func entry(_ scanner: inout TextScanner) throws {
    let text = scanner.name()
    guard let name = EntryName(rawValue: text) else {
      let known = EntryName.allCases.map(\.rawValue).joined(separator: ", ")
      throw scanner.error("'\(text)' is no entry; there are \(known)")
    }
    program.entries.append(Entry(name: name))
  }

  private func node(_ scanner: inout TextScanner, _ graph: inout Graph) throws {
    guard try scanner.value() == Value(node: graph.nodes.count) else {
      throw scanner.error("expected node %\(graph.nodes.count)")
    }
    try scanner.expect("=")
    let name = scanner.word()
    let operands = try values(&scanner)
    let text = try scanner.object()
    let operation = try located(scanner) { try attributes.operation(name, text, table) }
    let controls = scanner.take("after") ? try values(&scanner).map(\.node) : []
    try scanner.expect(":")
    var types = [try scanner.type()]
    while scanner.take(";") { types.append(try scanner.type()) }
    let origin = try origin(&scanner)
    graph.append(Node(operation, operands, controls: controls, types: types, origin: origin))
  }

  private func values(_ scanner: inout TextScanner) throws -> [Value] {
    var values: [Value] = []
    try scanner.expect("(")
    while !scanner.take(")") {
      if !values.isEmpty { try scanner.expect(",") }
      values.append(try scanner.value())
    }
    return values
  }

  private func origin(_ scanner: inout TextScanner) throws -> Origin {
    guard scanner.take("//") else { return Origin() }
    let phase = scanner.name()
    let path = scanner.name()
    var origin = Origin(path: path == "-" ? "" : path, phase: Phase(rawValue: phase) ?? .forward)
    if !scanner.isAtEnd, !scanner.take("|") {
      let line = try scanner.integer()
      origin.source = SourceLocation(file: scanner.name(), line: line)
      _ = scanner.take("|")
    }
    if !scanner.isAtEnd { origin.reason = scanner.remainder() }
    return origin
  }

  /// Adds the line to errors of the attributes.
  private func located<Result>(_ scanner: TextScanner, _ body: () throws -> Result) throws -> Result
  {
    do { return try body() } catch let error as TextError {
      throw scanner.error(error.problem)
    } catch {
      throw scanner.error("the attributes cannot be read: \(error)")
    }
  }
}
