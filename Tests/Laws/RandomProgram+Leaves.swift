import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// A new value that no operand leads to, or that only integers do.
  mutating func leaf(_ shape: [Int], _ element: ElementType? = nil) -> Tensor {
    let type = Type(element ?? self.element, shape)
    if isSmooth { return random.once(in: 4) ? argument(type) : slot(type) }
    switch random.below(9) {
    case 0..<3: return argument(type)
    case 3..<6: return slot(type)
    case 6: return constant(type)
    case 7: return trace.apply(Constant(type: type, numbers: [splat(type.element)]), [])[0]
    default: return generated(type)
    }
  }

  private mutating func splat(_ element: ElementType) -> Double {
    element.isFloatingPoint ? random.pick([0, 1, 0.5]) : random.pick([0, 1])
  }

  /// An input.
  mutating func argument(_ type: Type) -> Tensor {
    let input = Input(index: arguments.count, type: type)
    arguments.append(EntryInput(name: "input\(arguments.count)", type: type))
    return trace.apply(input, [])[0]
  }

  private mutating func constant(_ type: Type) -> Tensor {
    // Literals are doubles, which do not hold every 64-bit integer.
    let numbers = random.array(type).doubles.map { abs($0) < 0x1p53 ? $0 : 3 }
    return trace.apply(Constant(type: type, numbers: numbers), [])[0]
  }

  /// A slot, of this entry alone or shared with others.
  mutating func slot(_ type: Type) -> Tensor {
    let known = program.slots.indices.filter { program.slots[$0].type == type }
    if !known.isEmpty, !random.once(in: 3) {
      return trace.read(slot: random.pick(known), of: program)
    }
    let number = program.slots.count
    program.slots.append(
      Slot(
        name: "slot\(number)", type: type, initializer: .zeros,
        kind: isSmooth ? .parameter : .statistic,
        isTrainable: isSmooth && type.element.isFloatingPoint))
    return trace.read(slot: number, of: program)
  }

  /// Numbers that a kernel makes up: from the index, or at random.
  private mutating func generated(_ type: Type) -> Tensor {
    guard random.once(in: 2) else { return counted(type) }
    let key = slot(Type(.uint64, []))
    let order = random.shuffled(Array(type.shape.indices))
    let words = key.apply(Random(), trace.elementNumbers(type.shape, order: order))
    if type.element == .uint64 { return words }
    let short = words.binary(.shiftRight, words.filled(with: 40))
    if type.element.isFloatingPoint { return short.converted(to: element) * 0x1p-24 }
    return words.converted(to: type.element)
  }

  private mutating func counted(_ type: Type) -> Tensor {
    guard type.rank > 0 else { return argument(type) }
    let dimension = random.below(type.rank)
    guard type.element.isFloatingPoint else {
      // The index itself, if the type holds all of them.
      let index = trace.apply(Iota(type: type.with(element: .int64), dimension: dimension), [])[0]
      let isSafe = type.element != .bool && type.shape[dimension] < 128
      return isSafe
        ? trace.apply(Iota(type: type, dimension: dimension), [])[0]
        : index.converted(to: type.element)
    }
    let elements: [ElementType] = [.int32, .int64, element]
    let iota = Iota(type: type.with(element: random.pick(elements)), dimension: dimension)
    return trace.apply(iota, [])[0].converted(to: element) * 0x1p-6
  }
}
