import DeepEPElements
import DeepEPTensors

extension RegionEmitter {
  /// The parallel loops: rows of the innermost one, so that it is a plain loop that vectorises.
  mutating func parallelLoops() throws {
    guard let inner = region.parallel.last, region.parallel.count > 1, inner > 0 else {
      return try rangeLoop(from: "%begin", to: "%end") { emitter, position in
        if emitter.region.parallel.count == 1 { emitter.variables[0] = position }
        try emitter.statements(emitter.region.body)
      }
    }
    let firstRow = text.value("udiv i64 %begin, \(inner)")
    let padded = text.value("add i64 %end, \(inner - 1)")
    let lastRow = text.value("udiv i64 \(padded), \(inner)")
    try rangeLoop(from: firstRow, to: lastRow) { emitter, row in
      try emitter.parallelRow(row, inner: inner)
    }
  }

  private mutating func parallelRow(_ row: String, inner: Int) throws {
    bindOuterVariables(row)
    let start = text.value("mul nuw nsw i64 \(row), \(inner)")
    let before = text.value("sub nsw i64 %begin, \(start)")
    let low = text.call("llvm.smax.i64", "i64", [before, "0"])
    let after = text.value("sub nsw i64 %end, \(start)")
    let high = text.call("llvm.smin.i64", "i64", [after, "\(inner)"])
    try rangeLoop(from: low, to: high) { emitter, column in
      emitter.variables[emitter.region.parallel.count - 1] = column
      try emitter.statements(emitter.region.body)
    }
  }

  /// Variables that are always zero are so for LLVM, too: else it could not tell that a result lies where
  /// its operand does.
  private mutating func bindOuterVariables(_ row: String) {
    var rest = row
    for variable in region.parallel.indices.dropLast().dropFirst().reversed() {
      let extent = region.parallel[variable]
      guard extent > 1 else {
        variables[variable] = "0"
        continue
      }
      variables[variable] = text.value("urem i64 \(rest), \(extent)")
      rest = text.value("udiv i64 \(rest), \(extent)")
    }
    variables[0] = region.parallel[0] == 1 ? "0" : rest
  }

  /// The number of iterations as a value, which may be negative.
  mutating func count(_ extent: Extent) throws -> String {
    guard let bound = extent.bound else { return "\(extent.count)" }
    return text.call("llvm.smin.i64", "i64", [try offset(bound), "\(extent.count)"])
  }

  /// A loop from zero to a number that may not be positive.
  mutating func boundedLoop(
    to count: String, body: (inout RegionEmitter, String) throws -> Void
  ) throws {
    try rangeLoop(from: "0", to: count, body: body)
  }

  /// A loop over a range that may be empty.
  private mutating func rangeLoop(
    from low: String, to high: String, body: (inout RegionEmitter, String) throws -> Void
  ) throws {
    let after = text.freshName("after")
    let enter = text.freshName("enter")
    let some = text.value("icmp slt i64 \(low), \(high)")
    text.line("br i1 \(some), label %\(enter), label %\(after)")
    text.block(enter)
    try countedLoop(from: low, to: high, body: body)
    text.line("br label %\(after)")
    text.block(after)
  }

  /// A loop over a range that is not empty, tested at the bottom.
  private mutating func countedLoop(
    from low: String, to high: String, body: (inout RegionEmitter, String) throws -> Void
  ) throws {
    let before = text.freshName("before")
    let head = text.freshName("head")
    let latch = text.freshName("latch")
    let done = text.freshName("done")
    let counter = "%" + text.freshName("i")
    text.line("br label %\(before)")
    text.block(before)
    text.line("br label %\(head)")
    text.block(head)
    text.line("\(counter) = phi i64 [ \(low), %\(before) ], [ \(counter).next, %\(latch) ]")
    let lineCount = text.lines.count
    try body(&self, counter)
    let hint = interleaving(lineCount: text.lines.count - lineCount)
    text.line("br label %\(latch)")
    text.block(latch)
    text.line("\(counter).next = add nuw nsw i64 \(counter), 1")
    let end = text.value("icmp eq i64 \(counter).next, \(high)")
    text.line("br i1 \(end), label %\(done), label %\(head)\(hint)")
    text.block(done)
  }

  /// Long bodies have enough independent work within; several copies of them cost time to compile.
  private mutating func interleaving(lineCount: Int) -> String {
    guard lineCount > 30 else { return "" }
    loopCount += 1
    return ", !llvm.loop !\(loopCount)"
  }

  mutating func serialLoop(_ loop: Loop) throws {
    for accumulator in loop.accumulators { try open(accumulator) }
    let body = { (emitter: inout RegionEmitter, counter: String) in
      emitter.variables[loop.variable] = loop.extent == 1 ? "0" : counter
      try emitter.statements(loop.body)
    }
    if let bound = loop.bound {
      try boundedLoop(to: count(Extent(loop.extent, bound: bound)), body: body)
    } else if loop.extent > 0 {
      try countedLoop(from: "0", to: "\(loop.extent)", body: body)
    }
    for accumulator in loop.accumulators { close(accumulator) }
  }
}

// Accumulators live in memory, which LLVM turns into registers.
extension RegionEmitter {
  private mutating func open(_ accumulator: Accumulator) throws {
    let type = accumulator.element.registerType
    let address = text.allocate(type)
    let identity = literal(
      accumulator.reduction.identity(of: accumulator.element), accumulator.element)
    text.line("store \(type) \(identity), ptr \(address)")
    accumulators[accumulator.register] = (address, accumulator)
  }

  private mutating func close(_ accumulator: Accumulator) {
    guard let (address, _) = accumulators[accumulator.register] else { return }
    let value = text.value("load \(accumulator.element.registerType), ptr \(address)")
    registers[accumulator.register] = rounded(value, accumulator.element)
  }

  mutating func accumulate(into register: Register, _ value: Scalar) throws {
    guard let (address, accumulator) = accumulators[register] else {
      throw failure(
        "register \(register) is not an accumulator", "a statement accumulate",
        "declare it in an enclosing loop")
    }
    guard value.element == accumulator.element else {
      throw failure(
        "a \(value.element.rawValue) value is accumulated as \(accumulator.element.rawValue)",
        "register \(register)", "convert the value first")
    }
    let old = Scalar(
      name: text.value("load \(value.type), ptr \(address)"), element: accumulator.element)
    let new = try combine(accumulator.reduction, old, value)
    text.line("store \(value.type) \(new), ptr \(address)")
  }

  private mutating func combine(
    _ reduction: Reduction, _ old: Scalar, _ new: Scalar
  ) throws -> String {
    let function = reduction.function
    guard old.element.isFloatingPoint, function == .add || function == .multiply else {
      return try binary(function, old, new)
    }
    let name = function == .add ? "fadd" : "fmul"
    return text.value("\(name) reassoc nsz contract \(old.type) \(old.name), \(new.name)")
  }
}

extension Reduction {
  /// The function that combines two values.
  var function: BinaryFunction {
    switch self {
    case .sum: .add
    case .product: .multiply
    case .maximum: .maximum
    case .minimum: .minimum
    }
  }

  /// The value of a reduction over nothing.
  func identity(of element: ElementType) -> Double {
    switch self {
    case .sum: 0
    case .product: 1
    case .maximum: element.lowest
    case .minimum: element.highest
    }
  }
}

extension ElementType {
  /// The least value; literals saturate, so infinity stands for an integer's limit.
  fileprivate var lowest: Double { self == .bool ? 0 : -.infinity }
  fileprivate var highest: Double { self == .bool ? 1 : .infinity }
}
