import DeepEPTensors

/// Defines the transform that differentiates: from an entry that returns a loss it makes one that
/// also returns the gradient by every trainable slot.
///
/// Reverse mode (Griewank, Walther: Evaluating Derivatives, 2008, chapter 3). Gradients by inputs of
/// a node and by weights are separate nodes with phases of their own, so that a pipeline can run them
/// at different times. Needs an entry whose first result is a scalar; leaves another one that has the
/// same updates and results, and then a result named after each trainable slot that it reads.
package struct Gradient: Transform {
  package let name = TransformName.gradient

  private let source: EntryName
  private let derived: EntryName

  /// Differentiates the first result of an entry.
  ///
  /// - Parameters:
  ///   - source: The entry.
  ///   - derived: The name of the entry that also returns gradients.
  package init(of source: EntryName = .evaluate, as derived: EntryName = .step) {
    self.source = source
    self.derived = derived
  }

  package func apply(_ program: Program) throws -> Program {
    let only = Program(
      slots: program.slots, entries: program.entries.filter { $0.name == source })
    let expanded = try Expand(keeps: { composite, _ in composite.hasOwnGradient }).apply(only)
    guard var entry = expanded.entry(source), let loss = entry.results.first?.value else {
      throw ShapeError(
        "gradient", "the program has no entry '\(source.rawValue)' that returns a loss")
    }
    entry.name = derived
    let reads = trainableReads(entry.graph, program.slots)
    let (graph, gradients) = try differentiate(entry.graph, loss, by: reads.map(\.value))
    entry.graph = graph
    for (read, gradient) in zip(reads, gradients) {
      let name = program.slots[read.slot].name
      entry.results.append(EntryResult(name: name, value: gradient))
    }
    var result = program
    result.entries.append(entry)
    return result
  }

  private func trainableReads(_ graph: Graph, _ slots: [Slot]) -> [(slot: Int, value: Value)] {
    graph.nodes.enumerated().compactMap { index, node in
      guard let read = node.operation as? Read, slots[read.slot].isTrainable else { return nil }
      return (read.slot, Value(node: index))
    }
  }

  /// The graph with the gradients of a scalar by values added to it.
  package func differentiate(
    _ graph: Graph, _ loss: Value, by targets: [Value]
  ) throws -> (Graph, [Value]) {
    guard graph.type(of: loss).shape.isEmpty else {
      throw ShapeError("gradient", "the loss must be a scalar, got \(graph.type(of: loss))")
    }
    var sweep = ReverseSweep(graph, targets: targets)
    try sweep.run(from: loss)
    let gradients = targets.map { target in
      sweep.gradients[target] ?? Tensor(sweep.trace, target).filled(with: 0)
    }
    return (sweep.trace.graph, gradients.compactMap(\.value))
  }
}

/// Walks a graph from its loss to its start and writes the gradients at its end.
private struct ReverseSweep {
  let trace: Trace
  private let nodes: [Node]
  /// For each node whether a target leads to it.
  private let isActive: [Bool]
  /// For each node whether an input of the entry leads to it: then its gradient travels on.
  private let dependsOnInput: [Bool]
  private(set) var gradients: [Value: Tensor] = [:]

  init(_ graph: Graph, targets: [Value]) {
    trace = Trace(graph, isRoot: true)
    nodes = graph.nodes
    isActive = graph.descendants { index, _ in targets.contains { $0.node == index } }
    dependsOnInput = graph.descendants { _, node in node.operation is Input }
  }

  mutating func run(from loss: Value) throws {
    gradients[loss] = Tensor(trace, loss).filled(with: 1)
    for index in nodes.indices.reversed() where isActive[index] {
      let results = nodes[index].types.indices.map { Value(node: index, result: $0) }
      if results.contains(where: { gradients[$0] != nil }) { visit(index, results) }
    }
    if let error = trace.error { throw error }
  }

  private mutating func visit(_ index: Int, _ results: [Value]) {
    let node = nodes[index]
    if let composite = node.operation as? any Composite, composite.hasOwnGradient,
      results.dropFirst(composite.differentiableResults).contains(where: { gradients[$0] != nil })
    {
      let problem = "the loss depends on a result of which its gradient rule knows nothing"
      trace.fail(ShapeError(composite.name, problem), node.origin.source)
    }
    let context = GradientContext(
      operands: node.operands.map { Tensor(trace, $0) }, results: results.map { Tensor(trace, $0) },
      gradients: results.map { gradients[$0] })
    for (position, operand) in node.operands.enumerated() where isActive[operand.node] {
      let phase: Phase = dependsOnInput[operand.node] ? .inputGradient : .weightGradient
      trace.origin = Origin(path: node.origin.path, phase: phase, source: node.origin.source)
      guard let gradient = node.operation.gradient(byOperand: position, context) else { continue }
      gradients[operand] = gradients[operand].map { $0.sum(with: gradient) } ?? gradient
    }
  }
}

extension Graph {
  /// For each node whether it is, or depends on, one for which `isSource` holds.
  fileprivate func descendants(of isSource: (Int, Node) -> Bool) -> [Bool] {
    var marks: [Bool] = []
    for (index, node) in nodes.enumerated() {
      marks.append(isSource(index, node) || node.operands.contains { marks[$0.node] })
    }
    return marks
  }
}
