import DeepEPElements

extension Region: Operation {
  package var name: String { "region" }

  package func resultTypes(of operands: [Type]) -> [Type] { resultTypes }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let sizes = parallel + [max(1, flopsPerIteration)]
    let all = Set(sizes.indices)
    return Factors(
      sizes: sizes, operands: operands.map { $0.shape.map { _ in [] } },
      results: results.map { $0.shape.map { _ in [] } }, whole: all)
  }

  /// Arithmetic expressions that one parallel iteration evaluates.
  private var flopsPerIteration: Int { Self.flops(body) }

  /// Floating-point operations of the products of matrices among what the region does, those that a
  /// bound leaves out included.
  package var contractionFlops: Double {
    Double(parallel.reduce(1, *)) * Double(Self.contractionFlops(body))
  }

  private static func contractionFlops(_ body: [Statement]) -> Int {
    body.reduce(0) { total, statement in
      switch statement {
      case .loop(let loop): total + loop.extent * contractionFlops(loop.body)
      case .tileDot(let tile): total + tile.flops
      default: total
      }
    }
  }

  private static func flops(_ body: [Statement]) -> Int {
    body.reduce(0) { total, statement in
      switch statement {
      case .define(_, let element, .unary), .define(_, let element, .binary):
        total + (element.isFloatingPoint ? 1 : 0)
      case .accumulate: total + 1
      case .loop(let loop): total + loop.extent * flops(loop.body)
      case .tileDot(let tile): total + tile.flops
      default: total
      }
    }
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    var run = RegionInterpreter(region: self, operands: operands)
    return run.results()
  }
}

/// Runs a region statement by statement.
struct RegionInterpreter {
  let region: Region
  let operands: [HostArray]
  private var stores: [[Scalar]]
  private var scratch: [[Scalar]] = []
  private var registers: [Register: (Scalar, ElementType)] = [:]
  private var variables: [LoopVariable: Int] = [:]

  init(region: Region, operands: [HostArray]) {
    self.region = region
    self.operands = operands
    stores = region.resultTypes.map {
      Array(repeating: $0.element.scalar(0), count: $0.elementCount)
    }
  }

  mutating func results() -> [HostArray] {
    forEachIndex(region.parallel) { index in
      for (variable, value) in index.enumerated() { variables[variable] = value }
      scratch = region.scratch.map { Array(repeating: $0.element.scalar(0), count: $0.count) }
      run(region.body)
    }
    return zip(region.resultTypes, stores).map { HostArray($0.element, $0.shape, scalars: $1) }
  }

  private mutating func run(_ body: [Statement]) {
    for statement in body {
      switch statement {
      case .define(let register, let element, let expression):
        registers[register] = (evaluate(expression, element), element)
      case .store(let access, let register): store(value(register), at: access)
      case .accumulate(let accumulator, let register): accumulate(accumulator, register)
      case .loop(let loop): run(loop)
      case .tileDot(let tile): run(tile)
      case .transpose(let tile): run(tile)
      }
    }
  }

  private func count(_ extent: Extent) -> Int {
    max(0, min(extent.count, extent.bound.map(position) ?? extent.count))
  }

  private mutating func run(_ dot: TileDot) {
    let element = element(of: dot.target.access.buffer)
    for row in 0..<count(dot.rows) {
      for column in 0..<dot.columns {
        var total = 0.0
        for depth in 0..<count(dot.depth) {
          for half in 0..<(dot.isPaired ? 2 : 1) {
            total += number(dot.left, row, depth, half) * number(dot.right, depth, column, half)
          }
        }
        if dot.accumulates { total += number(dot.target, row, column, 0) }
        let place = place(dot.target, row, column)
        store(element.scalar(total), dot.target.access.buffer, place)
      }
    }
  }

  private mutating func run(_ transpose: TileTranspose) {
    for row in 0..<transpose.rows {
      for column in 0..<transpose.columns {
        for half in 0..<(transpose.isPaired ? 2 : 1) {
          let source = place(transpose.source, row, column) + half
          store(
            load(transpose.source.access.buffer, source), transpose.target.access.buffer,
            place(transpose.target, column, row) + half)
        }
      }
    }
  }

  private func place(_ tile: Tile, _ row: Int, _ column: Int) -> Int {
    position(tile.access.index) + row * tile.rowStride + column * tile.columnStride
  }

  private func number(_ tile: Tile, _ row: Int, _ column: Int, _ half: Int) -> Double {
    load(tile.access.buffer, place(tile, row, column) + half).double
  }

  private func element(of buffer: Buffer) -> ElementType {
    switch buffer {
    case .operand(let operand): operands[operand].element
    case .result(let result): region.resultTypes[result].element
    case .scratch(let buffer): region.scratch[buffer].element
    }
  }

  private var reductions: [Register: Reduction] = [:]

  private mutating func run(_ loop: Loop) {
    for accumulator in loop.accumulators {
      let wide: ElementType = accumulator.element.isFloatingPoint ? .float64 : accumulator.element
      registers[accumulator.register] = (accumulator.reduction.identity(wide), wide)
      reductions[accumulator.register] = accumulator.reduction
    }
    for step in 0..<count(Extent(loop.extent, bound: loop.bound)) {
      variables[loop.variable] = step
      run(loop.body)
    }
    for accumulator in loop.accumulators {
      let total = value(accumulator.register)
      let rounded = accumulator.element.converted(total, from: accumulator.element)
      registers[accumulator.register] = (rounded, accumulator.element)
    }
  }

  private mutating func accumulate(_ accumulator: Register, _ register: Register) {
    guard let (total, element) = registers[accumulator], let reduction = reductions[accumulator]
    else { return }
    registers[accumulator] = (
      reduction.function.evaluate(total, value(register), element), element
    )
  }

  private func value(_ register: Register) -> Scalar { registers[register]?.0 ?? .integer(0) }

  private func element(_ register: Register) -> ElementType {
    registers[register]?.1 ?? .float64
  }

  private func position(_ index: Index) -> Int {
    let affine = index.terms.reduce(index.offset) {
      $0 + (variables[$1.variable] ?? 0) * $1.stride
    }
    return index.gathers.reduce(affine) { total, term in
      let clamped = min(max(value(term.register).integer, 0), Int64(term.limit - 1))
      return total + Int(clamped) * term.stride
    }
  }

  private mutating func store(_ scalar: Scalar, at access: Access) {
    store(scalar, access.buffer, position(access.index))
  }

  private mutating func store(_ scalar: Scalar, _ buffer: Buffer, _ place: Int) {
    switch buffer {
    case .operand: break
    case .result(let result): stores[result][place] = scalar
    case .scratch(let buffer): scratch[buffer][place] = scalar
    }
  }

  private func load(_ access: Access) -> Scalar {
    load(access.buffer, position(access.index))
  }

  private func load(_ buffer: Buffer, _ place: Int) -> Scalar {
    switch buffer {
    case .operand(let operand): operands[operand][place]
    case .result(let result): stores[result][place]
    case .scratch(let buffer): scratch[buffer][place]
    }
  }

  private func evaluate(_ expression: Expression, _ element: ElementType) -> Scalar {
    switch expression {
    case .load(let access): load(access)
    case .constant(let number): element.scalar(number)
    case .index(let index): .integer(element.wrapped(Int64(position(index))))
    case .unary(let function, let x): function.evaluate(value(x), element)
    case .binary(let function, let x, let y): function.evaluate(value(x), value(y), element)
    case .compare(let comparison, let x, let y):
      .integer(comparison.evaluate(value(x), value(y), self.element(x)) ? 1 : 0)
    case .select(let condition, let x, let y):
      value(condition).integer != 0 ? value(x) : value(y)
    case .convert(let x): element.converted(value(x), from: self.element(x))
    case .random(let key, let number):
      .integer(
        Int64(
          bitPattern: Random.word(UInt64(bitPattern: value(key).integer), value(number).integer)))
    }
  }
}
