import DeepEPElements
import DeepEPTensors

extension RegionEmitter {
  mutating func statements(_ body: [Statement]) throws {
    for statement in body { try emit(statement) }
  }

  private mutating func emit(_ statement: Statement) throws {
    switch statement {
    case .define(let register, let element, let expression):
      let value = try define(expression, element)
      guard value.element == element else {
        throw failure(
          "register \(register) is declared \(element.rawValue) but is \(value.element.rawValue)",
          "a region over \(region.parallel)", "convert it, or declare it as what it is")
      }
      registers[register] = value
    case .store(let access, let register):
      try store(scalar(register), access)
    case .accumulate(let accumulator, let register):
      try accumulate(into: accumulator, scalar(register))
    case .loop(let loop):
      try serialLoop(loop)
    case .tileDot(let tile):
      try tileDot(tile)
    case .transpose(let tile):
      try transpose(tile)
    }
  }

  func scalar(_ register: Register) throws -> Scalar {
    guard let scalar = registers[register] else {
      throw failure(
        "register \(register) is read before it is defined", "a region over \(region.parallel)",
        "define it in the same or an enclosing loop")
    }
    return scalar
  }

  private mutating func define(_ expression: Expression, _ element: ElementType) throws -> Scalar {
    switch expression {
    case .load(let access):
      return try load(access)
    case .constant(let number):
      return Scalar(name: literal(number, element), element: element)
    case .index(let index):
      return try convert(Scalar(name: offset(index), element: .int64), to: element)
    case .unary(let function, let register):
      let operand = try scalar(register)
      return try rounded(unary(function, operand), operand.element)
    case .binary(let function, let left, let right):
      let operand = try scalar(left)
      return try rounded(binary(function, operand, scalar(right)), operand.element)
    case .compare(let comparison, let left, let right):
      return try Scalar(name: compare(comparison, scalar(left), scalar(right)), element: .bool)
    case .select(let condition, let left, let right):
      return try select(scalar(condition), scalar(left), scalar(right))
    case .convert(let register):
      return try convert(scalar(register), to: element)
    case .random(let key, let number):
      return try random(key: scalar(key), number: scalar(number))
    }
  }

  private mutating func select(
    _ condition: Scalar, _ left: Scalar, _ right: Scalar
  ) throws -> Scalar {
    guard condition.element == .bool, left.element == right.element else {
      throw failure(
        "a select of \(left.element.rawValue) and \(right.element.rawValue) by \(condition.element.rawValue)",
        "a region over \(region.parallel)", "choose between registers of one type by a bool")
    }
    let choice = "i1 \(condition.name), \(left.type) \(left.name), \(left.type) \(right.name)"
    return Scalar(name: text.value("select \(choice)"), element: left.element)
  }

  private mutating func random(key: Scalar, number: Scalar) throws -> Scalar {
    guard key.element == .uint64, number.element == .int64 else {
      throw failure(
        "a random key of type \(key.element.rawValue) and numbers of type \(number.element.rawValue)",
        "a region over \(region.parallel)", "convert the key to uint64 and the number to int64")
    }
    let golden = "-7046029254386353131"
    let seed = text.value("mul i64 \(key.name), \(golden)")
    let stream = mix(seed)
    let next = text.value("add i64 \(number.name), 1")
    let step = text.value("mul i64 \(next), \(golden)")
    return Scalar(name: mix(text.value("add i64 \(stream), \(step)")), element: .uint64)
  }

  /// The finaliser of SplitMix64.
  private mutating func mix(_ start: String) -> String {
    var bits = start
    for (shift, factor) in [(30, "-4658895280553007687"), (27, "-7723592293110705685"), (31, "1")] {
      let high = text.value("lshr i64 \(bits), \(shift)")
      bits = text.value("xor i64 \(bits), \(high)")
      bits = text.value("mul i64 \(bits), \(factor)")
    }
    return bits
  }
}
