import DeepEPElements
import DeepEPTensors

/// A program made by chance: the same for the same seed and number of operations.
///
/// It has one to three entries that share slots, and a schedule of calls. Functions of floats are
/// smooth and their values stay small, so that rounding does not grow; functions that jump are applied
/// only to numbers that no transform rounds differently: leaves, and integers.
package struct RandomProgram {
  /// The program.
  package internal(set) var program = Program()
  /// The entries that are called, each at least once.
  package private(set) var calls: [EntryName] = []
  /// The first mistake of the generator, if it made one.
  package private(set) var mistake: TraceError?
  private let seed: UInt64
  /// The element type of all floats.
  let element: ElementType
  /// The types of the integers.
  let integerElements: [ElementType]
  /// Whether the loss of the only entry is differentiable by every slot.
  let isSmooth: Bool

  var random: RandomSource
  /// The entry that is being written.
  var trace = Trace(isRoot: true)
  /// Floats that later operations use.
  var pool: [Tensor] = []
  /// Those that are inputs, slots, constants, or parts of them.
  var exact: [Tensor] = []
  /// Integers and Booleans.
  var integers: [Tensor] = []
  var arguments: [EntryInput] = []

  /// The sizes of dimensions: odd ones, and around the widths of vectors.
  static let sizes = [1, 2, 3, 4, 5, 7, 7, 8, 16, 17, 65, 65, 257]
  /// The most elements of a value.
  static let elementLimit = 1300

  /// Makes a program of about `operations` operations.
  package init(seed: UInt64, operations: Int, element: ElementType) {
    self.init(seed: seed, element: element, isSmooth: false)
    let names: [EntryName] = [.step, .accumulate, .update, .evaluate]
    let entries = Array(random.shuffled(names).prefix(random.pick([1, 1, 2, 3])))
    for name in entries {
      start()
      for _ in 0..<(operations + entries.count - 1) / entries.count { step() }
      finish(name)
    }
    let more = (0..<1 + random.below(2)).map { _ in random.pick(entries) }
    calls = random.shuffled(entries + more)
  }

  init(seed: UInt64, element: ElementType, isSmooth: Bool) {
    (self.seed, self.element, self.isSmooth) = (seed, element, isSmooth)
    random = RandomSource(seed: seed)
    let all = ElementType.allCases.filter { !$0.isFloatingPoint && $0 != .bool }
    integerElements = Array(random.shuffled(all).prefix(2))
  }

  /// The program with the calls and numbers by which laws compare it.
  package var testCase: ProgramCase { ProgramCase(program, calls: calls, seed: seed) }

  mutating func start() {
    (trace, pool, exact, integers, arguments) = (Trace(isRoot: true), [], [], [], [])
    for _ in 0..<2 + random.below(2) { keepExact(leaf(shape())) }
  }

  mutating func step() {
    switch random.below(isSmooth ? 28 : 38) {
    case 0..<8: elementwise()
    case 8..<11: reduction()
    case 11..<15: movement()
    case 15: contraction()
    case 16: linear()
    case 17: indexed()
    case 18..<20: composite()
    case 20..<22: ordering()
    case 22: windows()
    case 23, 24: groups()
    case 25, 26: bounds()
    case 27: memory()
    case 28..<30: representations()
    case 30..<32: orderedBounds()
    default: integerStep()
    }
  }

  // MARK: The pool

  mutating func keep(_ tensor: Tensor) {
    guard tensor.type.elementCount <= Self.elementLimit, tensor.rank <= 4 else { return }
    if tensor.type.element.isFloatingPoint { pool.append(tensor) } else { integers.append(tensor) }
  }

  mutating func keepExact(_ tensor: Tensor) {
    keep(tensor)
    if tensor.type.element.isFloatingPoint { exact.append(tensor) }
  }

  /// A float made before, rather one of the last.
  mutating func any() -> Tensor { recent(pool) }

  mutating func recent(_ all: [Tensor]) -> Tensor {
    all[
      random.once(in: 2)
        ? random.below(all.count) : all.count - 1 - random.below(min(3, all.count))]
  }

  mutating func shape(rank: Int? = nil) -> [Int] {
    let rank = rank ?? [1, 2, 2, 2, 3, 3, 4][random.below(7)]
    while true {
      let shape = (0..<rank).map { _ in random.pick(Self.sizes) }
      if shape.reduce(1, *) <= Self.elementLimit / 2 { return shape }
    }
  }

  /// A value of a shape: made before, new, or spread from a smaller one.
  mutating func value(_ shape: [Int], _ element: ElementType? = nil) -> Tensor {
    let type = Type(element ?? self.element, shape)
    let alike = (pool + integers).filter { $0.type == type }
    if !alike.isEmpty, !random.once(in: 3) { return random.pick(alike) }
    return random.once(in: 2) ? spread(to: type) : leaf(shape, element)
  }

  /// A smaller value repeated along some dimensions of a shape.
  private mutating func spread(to type: Type) -> Tensor {
    let kept = type.shape.indices.filter { _ in !random.once(in: 2) }
    let source = type.with(shape: kept.map { random.once(in: 6) ? 1 : type.shape[$0] })
    let alike = (pool + integers).filter { $0.type == source }
    let small = alike.isEmpty ? leaf(source.shape, type.element) : random.pick(alike)
    return small.broadcast(to: type.shape, dimensions: kept)
  }

  // MARK: The end

  private mutating func finish(_ name: EntryName) {
    var entry = Entry(name: name)
    for (index, value) in results().enumerated() {
      entry.results.append(EntryResult(name: "result\(index)", value: value))
    }
    for slot in program.slots.indices where !random.once(in: 3) {
      guard let value = update(of: slot).value else { continue }
      entry.updates.append(SlotUpdate(slot: slot, value: value))
    }
    add(entry)
  }

  /// Adds an entry, its graph and its inputs being those of the trace.
  mutating func add(_ entry: Entry) {
    var entry = entry
    (entry.graph, entry.inputs) = (trace.graph, arguments)
    program.entries.append(entry)
    calls.append(entry.name)
    mistake = mistake ?? trace.error
  }

  private mutating func results() -> [Value] {
    let count = random.below(4)
    var results = [pool[pool.count - 1]] + (0..<count).map { _ in any() }
    if !integers.isEmpty { results += (0..<1 + random.below(3)).map { _ in recent(integers) } }
    return results.compactMap(\.value)
  }

  /// A new value of a slot: often one that reads the old one, sometimes another slot or an input.
  private mutating func update(of slot: Int) -> Tensor {
    let old = trace.read(slot: slot, of: program)
    guard old.type.element == element else { return integerUpdate(of: old) }
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

  private mutating func integerUpdate(of old: Tensor) -> Tensor {
    let element = old.type.element
    switch random.below(3) {
    case 0: return value(old.shape, element)
    case 1 where element != .bool: return old + 1
    default: return old.binary(.exclusiveOr, value(old.shape, element))
    }
  }
}
