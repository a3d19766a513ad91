/// Runs entries of a program slowly and obviously: the oracle for every transform and device.
///
/// Of a value with bounded dimensions it keeps the valid part alone: what is undefined does not exist,
/// and is not a number in what it returns.
public struct Interpreter: Sendable {
  /// The program.
  public let program: Program
  /// The value of each slot.
  public private(set) var slots: [HostArray]
  /// The other ranks, if the program is that of a rank.
  private let ranks: (any RankContext)?

  /// Makes an interpreter with given slot values, by default zeros.
  ///
  /// - Throws: ``ShapeError`` if a value does not have its slot's shape.
  public init(_ program: Program, slots: [HostArray]? = nil) throws {
    try self.init(program, slots: slots, ranks: nil)
  }

  /// Makes the interpreter of one rank of a partitioned program.
  package init(_ program: Program, slots: [HostArray]? = nil, ranks: (any RankContext)?) throws {
    self.program = program
    self.ranks = ranks
    self.slots =
      slots
      ?? program.slots.map {
        HostArray(
          $0.type.element, $0.type.shape, [Double](repeating: 0, count: $0.type.elementCount))
      }
    for (slot, value) in zip(program.slots, self.slots) where value.shape != slot.type.shape {
      throw ShapeError("slot \(slot.name)", "is \(slot.type), got shape \(value.shape)")
    }
  }

  /// Calls an entry: writes the slots that it updates and returns its results by name.
  ///
  /// Bounded arguments and results have the sizes of their maxima.
  ///
  /// - Throws: ``ShapeError`` if the program has no such entry or an input does not fit, and
  ///   ``ExtentError`` if an extent is negative or too large; then no slot has changed.
  public mutating func call(_ name: EntryName, _ inputs: [HostArray] = []) throws -> [String:
    HostArray]
  {
    try call(name, inputs) { _, _, _ in }
  }

  /// What is told of each node that was computed: its index, its operands and results.
  package typealias Watch = (Int, _ operands: [HostArray], _ results: [HostArray]) throws -> Void

  /// Calls an entry, and tells of each node on the way.
  package mutating func call(
    _ name: EntryName, _ inputs: [HostArray], watch: Watch
  ) throws -> [String: HostArray] {
    guard let entry = program.entry(name) else {
      throw ShapeError("call", "the program has no entry \(name.rawValue)")
    }
    try check(inputs, entry)
    let values = try evaluate(entry, inputs, watch)
    for update in entry.updates {
      slots[update.slot] = values[update.value.node][update.value.result]
    }
    return Dictionary(
      uniqueKeysWithValues: entry.results.map { result in
        let found = values[result.value.node][result.value.result]
        let whole = found.extended(
          to: entry.graph.type(of: result.value).shape, with: found.element.undefinedElement)
        return (result.name, whole)
      })
  }

  /// The results of every node of an entry; errors say what a wrong extent belongs to.
  private func evaluate(
    _ entry: Entry, _ inputs: [HostArray], _ watch: Watch
  ) throws -> [[HostArray]] {
    do {
      let values = try Interpreter.evaluate(
        entry.graph, inputs: inputs, slots: slots, ranks: ranks, watch: watch)
      for check in entry.checks {
        let extent = Int(values[check.value.node][check.value.result].integers[0])
        if let error = check.error(extent, entry: entry.name) { throw error }
      }
      return values
    } catch var error as ExtentError {
      error.entry = entry.name
      if let check = entry.extentChecks.first(where: { $0.value == error.value }) {
        (error.name, error.maximum) = (check.name, check.maximum)
      }
      throw error
    }
  }

  private func check(_ inputs: [HostArray], _ entry: Entry) throws {
    guard inputs.count == entry.inputs.count else {
      throw ShapeError("call", "\(entry.inputs.count) inputs expected, got \(inputs.count)")
    }
    for (input, value) in zip(entry.inputs, inputs)
    where input.type.atMaximum != value.type {
      throw ShapeError("input \(input.name)", "is \(input.type), got \(value.type)")
    }
  }

  /// The results of every node of a graph: the valid parts, where dimensions are bounded.
  package static func evaluate(
    _ graph: Graph, inputs: [HostArray], slots: [HostArray], ranks: (any RankContext)? = nil,
    watch: Watch = { _, _, _ in }
  ) throws -> [[HostArray]] {
    var values: [[HostArray]] = []
    for (index, node) in graph.nodes.enumerated() {
      switch node.operation {
      case let read as Read: values.append([slots[read.slot]])
      case let input as Input:
        let type = try valid(node.types[0], values)
        values.append([inputs[input.index].cut(to: type.shape)])
      default: values.append(try evaluate(node, values, ranks))
      }
      try watch(index, node.operands.map { values[$0.node][$0.result] }, values[index])
    }
    return values
  }

  private static func evaluate(
    _ node: Node, _ values: [[HostArray]], _ ranks: (any RankContext)?
  ) throws -> [HostArray] {
    let operands = node.operands.map { values[$0.node][$0.result] }
    if let shared = try ranks?.results(of: node, operands) { return shared }
    guard node.types.contains(where: \.isBounded) else {
      return try node.operation.evaluate(operands, types: node.types)
    }
    let types = try node.types.map { try valid($0, values) }
    let results = try node.operation.resized(to: types).evaluate(operands, types: types)
    guard results.map(\.type) == types else {
      throw ShapeError(node.operation.name, "does not work on a part of a bounded dimension")
    }
    return results
  }

  private static func valid(_ type: Type, _ values: [[HostArray]]) throws -> Type {
    try type.valid { Int(values[$0.node][$0.result].integers[0]) }
  }
}

extension RankContext {
  /// The results of a node that depends on where the rank is; nil for every other node.
  fileprivate func results(of node: Node, _ operands: [HostArray]) throws -> [HostArray]? {
    switch node.operation {
    case let place as MeshIndex:
      [HostArray(.int32, [], integers: [Int64(index(along: place.axis))])]
    case let collective as any Collective:
      try run(collective, operands, types: node.types)
    default: nil
    }
  }
}
