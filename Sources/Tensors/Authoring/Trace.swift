import DeepEPElements

/// The graph that is being written while model code runs.
///
/// A trace is used by one thread. Tensors of different traces can be combined: the smaller trace's
/// nodes move into the larger one.
package final class Trace {
  /// What has been written so far.
  package var graph: Graph
  /// The parameters that were read, with the node of each.
  package private(set) var reads: [(parameter: Parameter, node: Int)] = []
  /// The first mistake, if one was made.
  package private(set) var error: TraceError?
  /// The names of the model's parameters.
  package var names: [ObjectIdentifier: String] = [:]
  /// Those of them that the optimiser leaves alone.
  var frozen: Set<ObjectIdentifier> = []
  /// Where nodes that are written now come from.
  package var origin = Origin()
  /// Whether tensors of other traces move into this one, whatever its size.
  package var isRoot: Bool
  /// Who answers when model code asks for values; nil if nobody can.
  package var evaluation: Evaluation?
  /// Values that model code asked for.
  var known: [Value: KnownValue] = [:]
  /// Constants that are handed to the program when it runs, by node.
  var passed: [Int: HostArray] = [:]
  /// What the graph is for; nil if that is not known, as for a parameter alone.
  package var mode: TraceMode?
  /// Whether the mode was asked for, so that another would have given another graph.
  package internal(set) var dependsOnMode = false
  /// The new values of statistics: the node of each.
  package internal(set) var written: [ObjectIdentifier: (parameter: Parameter, node: Int)] = [:]
  /// The number of random draws below each module path.
  var draws: [String: Int] = [:]
  private var imported: [ObjectIdentifier: (trace: Trace, values: [Int: Int])] = [:]

  package init(_ graph: Graph = Graph(), isRoot: Bool = false) {
    self.graph = graph
    self.isRoot = isRoot
  }

  /// Writes a node; a mistake is remembered, and its result poisoned.
  package func apply(
    _ operation: any Operation, _ operands: [Tensor], source: SourceLocation? = nil
  ) -> [Tensor] {
    let values = operands.map { value(of: $0) }
    let known = values.compactMap { $0 }
    guard known.count == values.count else { return [Tensor(self, nil)] }
    var origin = origin
    // Gradient rules run with the line of the node that they differentiate, not with their own.
    origin.source = origin.source ?? source
    do {
      let node = try graph.append(operation, known, origin: origin)
      return graph.nodes[node].types.indices.map { Tensor(self, Value(node: node, result: $0)) }
    } catch {
      fail(error, source)
      return [Tensor(self, nil)]
    }
  }

  /// Remembers the first mistake.
  package func fail(_ problem: any Error, _ source: SourceLocation? = nil) {
    guard error == nil else { return }
    error =
      problem as? TraceError
      ?? TraceError(path: origin.path, problem: "\(problem)", source: source)
  }

  /// The tensor of a parameter: one node, however often it is used; of a statistic that the model has
  /// written, the new value.
  package func read(_ parameter: Parameter) -> Tensor {
    if let new = written[ObjectIdentifier(parameter)] {
      return Tensor(self, Value(node: new.node))
    }
    if parameter.belongsToModel, let name = names[ObjectIdentifier(parameter)] {
      origin.path = name.split(separator: ".").dropLast().joined(separator: ".")
    }
    if let known = reads.first(where: { $0.parameter === parameter }) {
      return Tensor(self, Value(node: known.node))
    }
    let read = Read(slot: reads.count, type: parameter.type)
    let node = graph.append(Node(read, [], types: [parameter.type], origin: origin))
    reads.append((parameter, node))
    return Tensor(self, Value(node: node))
  }

  /// The value of a tensor in this trace, moved here if it was elsewhere; nil if it is poisoned.
  package func adopt(_ tensor: Tensor) -> Value? { value(of: tensor) }

  private func value(of tensor: Tensor) -> Value? {
    guard tensor.trace !== self else { return tensor.value }
    if let error = tensor.trace.error, self.error == nil { self.error = error }
    inheritMode(from: tensor.trace)
    guard let value = tensor.value else { return nil }
    return Value(node: move(value.node, from: tensor.trace), result: value.result)
  }

  private func move(_ node: Int, from other: Trace) -> Int {
    let key = ObjectIdentifier(other)
    if let known = imported[key]?.values[node] { return known }
    let moved: Int
    if let read = other.reads.first(where: { $0.node == node }) {
      moved = self.read(read.parameter).value?.node ?? 0
    } else {
      var copy = other.graph.nodes[node].mappingExtents {
        Value(node: move($0.node, from: other), result: $0.result)
      }
      copy.operands = copy.operands.map {
        Value(node: move($0.node, from: other), result: $0.result)
      }
      if copy.origin.path.isEmpty { copy.origin.path = origin.path }
      moved = graph.append(copy)
    }
    imported[key, default: (other, [:])].values[node] = moved
    passed[moved] = other.passed[node] ?? passed[moved]
    for result in graph.nodes[moved].types.indices {
      let (old, new) = (Value(node: node, result: result), Value(node: moved, result: result))
      known[new] = known[new] ?? other.known[old]
    }
    return moved
  }

  /// Two tensors in one trace; as they are if neither has a bounded dimension.
  package static func together(_ x: Tensor, _ y: Tensor) -> (Tensor, Tensor) {
    guard x.trace !== y.trace, x.type.isBounded || y.type.isBounded else { return (x, y) }
    let home = home(of: [x, y])
    return (Tensor(home, home.adopt(x)), Tensor(home, home.adopt(y)))
  }

  /// The trace in which an operation on these tensors is written.
  package static func home(of tensors: [Tensor]) -> Trace {
    let traces = tensors.map(\.trace)
    if let root = traces.first(where: \.isRoot) { return root }
    return traces.max { $0.graph.nodes.count < $1.graph.nodes.count } ?? Trace()
  }
}

/// A mistake in model code, found while it was traced.
public struct TraceError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The module in which it happened.
  public var path: String
  /// What is wrong.
  public var problem: String
  /// The line of the call, where one is known.
  public var source: SourceLocation?

  /// A sentence for people.
  public var description: String {
    // Operators do not know their line, and a module does not say when it ends.
    let end = source == nil ? " or after it" : ""
    let module = path.isEmpty ? "" : " in module \(path)\(end)"
    let place = source.map { " at \($0.file):\($0.line)" } ?? ""
    return "\(problem)\(module)\(place)"
  }
}
