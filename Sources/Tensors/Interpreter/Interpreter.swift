/// Runs entries of a program slowly and obviously: the oracle for every transform and device.
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
  /// - Throws: ``ShapeError`` if the program has no such entry or an input does not fit.
  public mutating func call(_ name: EntryName, _ inputs: [HostArray] = []) throws -> [String:
    HostArray]
  {
    guard let entry = program.entry(name) else {
      throw ShapeError("call", "the program has no entry \(name.rawValue)")
    }
    try check(inputs, entry)
    let values = try Interpreter.evaluate(entry.graph, inputs: inputs, slots: slots, ranks: ranks)
    for update in entry.updates {
      slots[update.slot] = values[update.value.node][update.value.result]
    }
    return Dictionary(
      uniqueKeysWithValues: entry.results.map { ($0.name, values[$0.value.node][$0.value.result]) })
  }

  private func check(_ inputs: [HostArray], _ entry: Entry) throws {
    guard inputs.count == entry.inputs.count else {
      throw ShapeError("call", "\(entry.inputs.count) inputs expected, got \(inputs.count)")
    }
    for (input, value) in zip(entry.inputs, inputs) where input.type != value.type {
      throw ShapeError("input \(input.name)", "is \(input.type), got \(value.type)")
    }
  }

  /// The results of every node of a graph.
  package static func evaluate(
    _ graph: Graph, inputs: [HostArray], slots: [HostArray], ranks: (any RankContext)? = nil
  ) throws -> [[HostArray]] {
    var values: [[HostArray]] = []
    for node in graph.nodes {
      let operands = node.operands.map { values[$0.node][$0.result] }
      switch node.operation {
      case let input as Input: values.append([inputs[input.index]])
      case let read as Read: values.append([slots[read.slot]])
      default:
        let shared = try ranks?.results(of: node, operands)
        values.append(try shared ?? node.operation.evaluate(operands, types: node.types))
      }
    }
    return values
  }
}

extension RankContext {
  /// The results of a node that depends on where the rank is; nil for every other node.
  fileprivate func results(of node: Node, _ operands: [HostArray]) throws -> [HostArray]? {
    switch node.operation {
    case let place as MeshIndex:
      [HostArray(.int32, [], integers: [Int64(index(along: place.axis))])]
    case let collective as any Collective:
      [try run(collective, operands[0], type: node.types[0])]
    default: nil
    }
  }
}
