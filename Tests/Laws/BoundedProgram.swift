import DeepEPElements
import DeepEPTensors

/// A program with bounded dimensions, or the same one in which the valid parts are all there is.
///
/// Both forms take the same arguments and slots, of the maximum sizes. The bounded form declares how
/// much of them is valid; the other cuts it out, so that every dimension is fixed. Elements beyond the
/// extents are not numbers, or large.
package struct BoundedProgram {
  /// A dimension of a value.
  package enum Axis: Hashable, Sendable {
    /// A size.
    case fixed(Int)
    /// The bounded dimension of a number.
    case bounded(Int)
  }

  /// A bounded dimension: its size in memory, and how much of it is valid.
  package struct Bound: Hashable, Sendable {
    package var maximum: Int
    package var extent: Int

    package init(maximum: Int, extent: Int) {
      self.maximum = maximum
      self.extent = extent
    }
  }

  /// A value with its dimensions.
  package struct Shaped {
    package var tensor: Tensor
    package var axes: [Axis]

    package init(_ tensor: Tensor, _ axes: [Axis]) {
      self.tensor = tensor
      self.axes = axes
    }
  }

  /// The program, with the entry ``EntryName/evaluate``: a loss, and further results.
  package private(set) var program = Program()
  /// What a call passes in.
  package private(set) var inputs: [HostArray] = []
  /// The first value of each slot.
  package private(set) var slots: [HostArray] = []
  /// The valid shape of each result.
  package private(set) var validShapes: [String: [Int]] = [:]
  /// The element type of the values.
  package let element: ElementType
  /// Whether dimensions are bounded; otherwise the valid parts are cut out.
  package let isBounded: Bool
  /// The bounded dimensions.
  package let bounds: [Bound]

  let trace = Trace(isRoot: true)
  var random: RandomSource
  private var extents: [Tensor] = []
  private var arguments: [EntryInput] = []

  /// Makes a program of the values that `body` returns.
  package init(
    _ bounds: [Bound], element: ElementType, isBounded: Bool, seed: UInt64 = 1,
    _ body: (inout BoundedProgram) -> [Shaped]
  ) {
    self.bounds = bounds
    self.element = element
    self.isBounded = isBounded
    random = RandomSource(seed: seed)
    for bound in bounds.indices { extents.append(makeExtent(bound)) }
    finish(body(&self))
  }

  /// The first mistake of the body, if it made one.
  package var mistake: TraceError? { trace.error }

  // MARK: Extents

  /// Every other extent is an argument; the rest are counted in the data.
  private mutating func makeExtent(_ index: Int) -> Tensor {
    let bound = bounds[index]
    guard index % 2 == 1 else { return argument(HostArray(.int32, [], [Double(bound.extent)])) }
    let flags = (0..<bound.maximum + 3).map { $0 < bound.extent ? 1.0 : 0 }
    return argument(HostArray(.int32, [flags.count], random.shuffled(flags))).sum()
  }

  /// The dimension of a value of this form.
  package func dimension(_ axis: Axis) -> Dimension {
    switch axis {
    case .fixed(let size): return .fixed(size)
    case .bounded(let index):
      guard isBounded, let extent = extents[index].value else {
        return .fixed(bounds[index].extent)
      }
      return .bounded(maximum: bounds[index].maximum, extent: extent)
    }
  }

  func validSize(_ axis: Axis) -> Int {
    switch axis {
    case .fixed(let size): size
    case .bounded(let index): bounds[index].extent
    }
  }

  func largestSize(_ axis: Axis) -> Int {
    switch axis {
    case .fixed(let size): size
    case .bounded(let index): bounds[index].maximum
    }
  }

  // MARK: Leaves

  /// A new argument of any values.
  package mutating func argument(_ array: HostArray) -> Tensor {
    argument(array, type: array.type)
  }

  private mutating func argument(_ array: HostArray, type: Type) -> Tensor {
    inputs.append(array)
    arguments.append(EntryInput(name: "x\(inputs.count)", type: type))
    return trace.apply(Input(index: inputs.count - 1, type: type), [])[0]
  }

  /// A new value: an argument, of a bounded type or bounded by the program, or a slot.
  package mutating func leaf(_ axes: [Axis], element: ElementType? = nil, limit: Int? = nil)
    -> Shaped
  {
    let array = numbers(axes, element ?? self.element, limit)
    let kind = random.below(3)
    if kind == 0, isBounded {
      let type = Type(array.element, dimensions: axes.map(dimension))
      return Shaped(argument(array, type: type), axes)
    }
    let whole = kind == 2 && limit == nil ? slot(array) : argument(array)
    guard isBounded else {
      return Shaped(whole.sliced(axes.map { _ in 0 }, sizes: axes.map(validSize)), axes)
    }
    return Shaped(rebounded(whole, axes), axes)
  }

  /// A tensor of the largest sizes with its dimensions bounded.
  func rebounded(_ whole: Tensor, _ axes: [Axis]) -> Tensor {
    axes.enumerated().reduce(whole) { tensor, place in
      guard case .bounded(let index) = place.element else { return tensor }
      return tensor.bounded(along: place.offset, extent: extents[index])
    }
  }

  private mutating func slot(_ array: HostArray) -> Tensor {
    program.slots.append(
      Slot(
        name: "slot\(slots.count)", type: array.type, initializer: .zeros, kind: .parameter,
        isTrainable: array.element.isFloatingPoint))
    slots.append(array)
    return trace.read(slot: slots.count - 1, of: program)
  }

  /// Numbers of the largest sizes, of which those beyond the extents are unusable.
  private mutating func numbers(_ axes: [Axis], _ element: ElementType, _ limit: Int?) -> HostArray
  {
    let (shape, valid) = (axes.map(largestSize), axes.map(validSize))
    var numbers: [Double] = []
    forEachIndex(shape) { index in
      let number = limit.map { Double(random.below($0)) }
      let isValid = zip(index, valid).allSatisfy { $0 < $1 }
      let usable = number ?? (element.isFloatingPoint ? random.unit() : Double(random.below(9) - 4))
      numbers.append(isValid ? usable : element.isFloatingPoint ? .nan : 1e9)
    }
    return HostArray(element, shape, numbers)
  }

  // MARK: The end

  private mutating func finish(_ results: [Shaped]) {
    var entry = Entry(name: .evaluate)
    let smooth = results.filter { $0.tensor.type.element.isFloatingPoint }
    let terms = smooth.map { $0.tensor.hyperbolicTangent().mean() }
    let loss = terms.dropFirst().reduce(terms.first ?? leaf([]).tensor, +)
    for (name, value) in [("loss", Shaped(loss, []))] + results.enumerated().map({ ("y\($0)", $1) })
    {
      guard let place = value.tensor.value else { continue }
      entry.results.append(EntryResult(name: name, value: place))
      validShapes[name] = value.axes.map(validSize)
    }
    entry.graph = trace.graph
    entry.inputs = arguments
    program.entries = [entry]
  }
}

extension BoundedProgram {
  /// What of results is defined.
  package func valid(_ results: [String: HostArray]) -> [String: HostArray] {
    results.reduce(into: [:]) { valid, result in
      valid[result.key] = result.value.cut(to: validShapes[result.key] ?? result.value.shape)
    }
  }

  /// What the interpreter finds in a program that should do the same as this one.
  package func interpreted(_ program: Program, _ entry: EntryName = .evaluate) throws -> Outcome {
    var interpreter = try Interpreter(program, slots: slots)
    let results = valid(try interpreter.call(entry, inputs))
    return Outcome(results: results, slots: [])
  }
}
