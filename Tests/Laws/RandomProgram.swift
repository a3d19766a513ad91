import DeepEPElements
import DeepEPTensors

/// A program made by chance: the same for the same seed and number of operations.
///
/// All functions are smooth and their values stay small, so that rounding does not grow; functions
/// that jump are applied only to numbers that no transform rounds differently.
package struct RandomProgram {
  /// The program, with the entry ``EntryName/step``.
  package private(set) var program = Program()
  /// What a call passes in.
  package private(set) var inputs: [HostArray] = []
  /// The first value of each slot.
  package private(set) var slots: [HostArray] = []
  /// The element type of all floats.
  package let element: ElementType

  let trace = Trace(isRoot: true)
  var random: RandomSource
  /// Floats that later operations use.
  var pool: [Tensor] = []
  /// Those that are inputs, slots, constants, or parts of them.
  var exact: [Tensor] = []
  private var arguments: [EntryInput] = []

  /// The sizes of dimensions: odd ones, and around the widths of vectors.
  static let sizes = [1, 2, 3, 4, 5, 7, 8, 16, 17, 65]
  /// The most elements of a value.
  static let elementLimit = 1200

  /// Makes a program of about `operations` operations.
  package init(seed: UInt64, operations: Int, element: ElementType) {
    self.element = element
    random = RandomSource(seed: seed)
    for _ in 0..<2 + random.below(2) { keepExact(leaf(shape())) }
    for _ in 0..<operations { step() }
    finish()
  }

  /// The first mistake of the generator, if it made one.
  package var mistake: TraceError? { trace.error }

  private mutating func step() {
    switch random.below(20) {
    case 0..<8: elementwise()
    case 8..<11: reduction()
    case 11..<15: movement()
    case 15..<17: contraction()
    case 17: indexed()
    default: composite()
    }
  }

  // MARK: The pool

  mutating func keep(_ tensor: Tensor) {
    guard tensor.type.elementCount <= Self.elementLimit, tensor.rank <= 4 else { return }
    pool.append(tensor)
  }

  mutating func keepExact(_ tensor: Tensor) {
    keep(tensor)
    exact.append(tensor)
  }

  /// A value made before, rather one of the last.
  mutating func any() -> Tensor {
    pool[
      random.once(in: 2)
        ? random.below(pool.count) : pool.count - 1 - random.below(min(3, pool.count))]
  }

  mutating func shape(rank: Int? = nil) -> [Int] {
    let rank = rank ?? [1, 2, 2, 2, 3, 3, 4][random.below(7)]
    while true {
      let shape = (0..<rank).map { _ in random.pick(Self.sizes) }
      if shape.reduce(1, *) <= Self.elementLimit / 2 { return shape }
    }
  }

  /// A value of a shape: made before, new, or spread from a smaller one.
  mutating func value(_ shape: [Int]) -> Tensor {
    let alike = pool.filter { $0.shape == shape }
    if !alike.isEmpty, !random.once(in: 3) { return random.pick(alike) }
    return random.once(in: 2) ? spread(to: shape) : leaf(shape)
  }

  /// A smaller value repeated along some dimensions of a shape.
  private mutating func spread(to shape: [Int]) -> Tensor {
    let kept = shape.indices.filter { _ in !random.once(in: 2) }
    let source = kept.map { random.once(in: 6) ? 1 : shape[$0] }
    let alike = pool.filter { $0.shape == source }
    let small = alike.isEmpty ? leaf(source) : random.pick(alike)
    return small.broadcast(to: shape, dimensions: kept)
  }

  // MARK: Leaves

  mutating func leaf(_ shape: [Int]) -> Tensor {
    switch random.below(9) {
    case 0..<3: input(shape)
    case 3..<6: slot(shape)
    case 6: constant(shape)
    case 7:
      trace.apply(Constant(type: Type(element, shape), numbers: [random.pick([0, 1, 0.5])]), [])[0]
    default: generated(shape)
    }
  }

  private mutating func numbers(_ shape: [Int]) -> [Double] {
    (0..<shape.reduce(1, *)).map { _ in random.unit() }
  }

  mutating func argument(_ array: HostArray) -> Tensor {
    let input = Input(index: inputs.count, type: array.type)
    arguments.append(EntryInput(name: "input\(inputs.count)", type: array.type))
    inputs.append(array)
    return trace.apply(input, [])[0]
  }

  private mutating func input(_ shape: [Int]) -> Tensor {
    argument(HostArray(element, shape, numbers(shape)))
  }

  private mutating func constant(_ shape: [Int]) -> Tensor {
    trace.apply(Constant(type: Type(element, shape), numbers: numbers(shape)), [])[0]
  }

  mutating func state(_ array: HostArray) -> Tensor {
    let name = "slot\(slots.count)"
    program.slots.append(
      Slot(name: name, type: array.type, initializer: .zeros, kind: .statistic))
    slots.append(array)
    return trace.read(slot: slots.count - 1, of: program)
  }

  private mutating func slot(_ shape: [Int]) -> Tensor {
    let known = program.slots.indices.filter { program.slots[$0].type == Type(element, shape) }
    if !known.isEmpty, random.once(in: 2) {
      return trace.read(slot: random.pick(known), of: program)
    }
    return state(HostArray(element, shape, numbers(shape)))
  }

  /// Numbers that a kernel makes up: from the index, or at random.
  private mutating func generated(_ shape: [Int]) -> Tensor {
    guard random.once(in: 2) else {
      let type = Type(random.pick([.int32, .int64, element]), shape)
      guard !shape.isEmpty else { return input(shape) }
      let index = trace.apply(Iota(type: type, dimension: random.below(shape.count)), [])[0]
      return index.converted(to: element) * 0x1p-6
    }
    let known = program.slots.indices.first { program.slots[$0].type == Type(.uint64, []) }
    let key = known.map { trace.read(slot: $0, of: program) } ?? state(HostArray(.uint64, [], [7]))
    let words = key.apply(Random(), trace.elementNumbers(shape))
    return words.binary(.shiftRight, words.filled(with: 40)).converted(to: element) * 0x1p-24
  }

  // MARK: The end

  private mutating func finish() {
    var entry = Entry(name: .step, inputs: arguments)
    for (index, value) in results().enumerated() {
      entry.results.append(EntryResult(name: "result\(index)", value: value))
    }
    for slot in program.slots.indices where !random.once(in: 4) {
      guard let value = update(of: slot).value else { continue }
      entry.updates.append(SlotUpdate(slot: slot, value: value))
    }
    entry.graph = trace.graph
    // Arguments that updates added.
    entry.inputs = arguments
    program.entries = [entry]
  }

  private mutating func results() -> [Value] {
    let count = 1 + random.below(4)
    return ([pool[pool.count - 1]] + (1..<max(2, count)).map { _ in any() }).compactMap(\.value)
  }

  /// A new value of a slot: often one that reads the old one, sometimes another slot or an input.
  private mutating func update(of slot: Int) -> Tensor {
    let old = trace.read(slot: slot, of: program)
    guard old.type.element == element else { return old.binary(.add, old.filled(with: 1)) }
    let alike = pool.filter { $0.shape == old.shape }
    let same = pool.filter { $0.type.elementCount == old.type.elementCount }
    switch random.below(6) {
    case 0 where !alike.isEmpty: return random.pick(alike)
    case 1 where !same.isEmpty: return random.pick(same).reshaped(old.shape)
    case 2: return old * old
    case 3: return old.tensor
    default: return old * 0.75 + value(old.shape) * 0.25
    }
  }
}
