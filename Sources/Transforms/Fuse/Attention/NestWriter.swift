import DeepEPElements
import DeepEPTensors

/// Writes the statements of a loop nest in order, with fresh registers and loop variables.
struct NestWriter {
  private let parallel: [Int]
  private var scratch: [Scratch] = []
  private var bodies: [[Statement]] = [[]]
  private var registerCount = 0
  private var variableCount: Int

  /// Starts a nest with parallel loops over `0 ..< extent` each.
  init(parallel: [Int]) {
    self.parallel = parallel
    variableCount = parallel.count
  }

  /// What was written, as a region.
  func region(_ resultTypes: [Type]) -> Region {
    Region(resultTypes: resultTypes, parallel: parallel, scratch: scratch, body: bodies[0])
  }

  /// The variable of a parallel loop.
  func parallelVariable(_ loop: Int) -> Affine { Affine(variable: loop) }

  mutating func newScratch(_ element: ElementType, _ count: Int) -> Buffer {
    scratch.append(Scratch(element, count: count))
    return .scratch(scratch.count - 1)
  }

  /// A loop whose body gets its variable.
  mutating func loop(
    _ extent: Int, bound: Index? = nil, _ body: (inout NestWriter, Affine) -> Void
  ) {
    let variable = variableCount
    variableCount += 1
    bodies.append([])
    body(&self, Affine(variable: variable))
    let statements = bodies.removeLast()
    append(.loop(Loop(variable, extent: extent, bound: bound, body: statements)))
  }

  mutating func loop(_ extent: Extent, _ body: (inout NestWriter, Affine) -> Void) {
    loop(extent.count, bound: extent.bound, body)
  }

  /// A loop that sums what its body returns.
  mutating func sum(
    _ extent: Int, _ element: ElementType, _ body: (inout NestWriter, Affine) -> Register
  ) -> Register { reduce(Extent(extent), element, [.sum], body)[0] }

  /// A loop that reduces what its body returns in each of some ways.
  mutating func reduce(
    _ extent: Extent, _ element: ElementType, _ reductions: [Reduction],
    _ body: (inout NestWriter, Affine) -> Register
  ) -> [Register] {
    let variable = variableCount
    variableCount += 1
    let totals = reductions.map { _ in newRegister() }
    bodies.append([])
    let term = body(&self, Affine(variable: variable))
    for total in totals { append(.accumulate(accumulator: total, term)) }
    let statements = bodies.removeLast()
    let accumulators = zip(totals, reductions).map { Accumulator($0, element, $1) }
    append(
      .loop(
        Loop(
          variable, extent: extent.count, bound: extent.bound, accumulators: accumulators,
          body: statements)))
    return totals
  }

  /// One number of several, combined from the first on.
  mutating func combined(
    _ registers: [Register], _ element: ElementType, _ function: BinaryFunction
  ) -> Register {
    registers.dropFirst().reduce(registers[0]) { binary(element, function, $0, $1) }
  }

  mutating func append(_ statement: Statement) { bodies[bodies.count - 1].append(statement) }

  private mutating func newRegister() -> Register {
    defer { registerCount += 1 }
    return registerCount
  }

  mutating func define(_ element: ElementType, _ expression: Expression) -> Register {
    let register = newRegister()
    append(.define(register, element, expression))
    return register
  }

  mutating func load(_ element: ElementType, _ buffer: Buffer, _ place: Affine) -> Register {
    define(element, .load(Access(buffer, place.index)))
  }

  mutating func store(_ register: Register, _ buffer: Buffer, _ place: Affine) {
    append(.store(Access(buffer, place.index), register))
  }

  mutating func constant(_ element: ElementType, _ number: Double) -> Register {
    define(element, .constant(number))
  }

  mutating func unary(
    _ element: ElementType, _ function: UnaryFunction, _ x: Register
  ) -> Register { define(element, .unary(function, x)) }

  mutating func binary(
    _ element: ElementType, _ function: BinaryFunction, _ x: Register, _ y: Register
  ) -> Register { define(element, .binary(function, x, y)) }

  /// A register as another type; itself if it has it already.
  mutating func converted(
    _ register: Register, from element: ElementType, to other: ElementType
  ) -> Register { element == other ? register : define(other, .convert(register)) }
}

extension Affine {
  static func - (x: Affine, y: Affine) -> Affine { x + y * -1 }
}
