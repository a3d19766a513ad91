import DeepEPElements

/// An operation that is defined by others: a name, typed attributes, and a body.
///
/// A device that knows the name may run a kernel of its own; everything else uses the body. What
/// backward needs is an explicit result, such as attention's log-sum-exp. A composite that does not
/// implement ``Operation/gradient(byOperand:_:)`` sets ``hasOwnGradient`` to false (the default), and
/// its body is differentiated.
public protocol Composite: Operation {
  /// The number of operands.
  var operandCount: Int { get }

  /// Whether the gradient rule is the composite's own.
  var hasOwnGradient: Bool { get }

  /// How many of the first results its own gradient rule differentiates; the others are there for
  /// backward only.
  var differentiableResults: Int { get }

  /// The results, computed from operands by other operations.
  func body(_ operands: [Tensor]) -> [Tensor]
}

extension Composite {
  /// The body is differentiated.
  public var hasOwnGradient: Bool { false }

  /// The first result alone.
  public var differentiableResults: Int { 1 }

  /// The body's own operations see bounded dimensions.
  public var seesExtents: Bool { true }

  /// The types that the body's results have.
  public func resultTypes(of operands: [Type]) throws -> [Type] {
    try bodyResultTypes(of: operands)
  }

  /// The types that the body's results have, for a composite that looks at its operands first.
  package func bodyResultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: operandCount)
    let body = try expanded(operands)
    return try body.results.map { result in
      try result.type.mappingExtents { try body.outerExtent($0, operandCount, name) }
    }
  }

  /// No loops of its own: whoever needs them looks into the body.
  public func factors(operands: [Type], results: [Type]) -> Factors {
    let opaque = { (types: [Type]) in types.map { $0.shape.map { _ in [Int]() } } }
    return Factors(sizes: [], operands: opaque(operands), results: opaque(results))
  }

  /// Interprets the body.
  public func evaluate(_ operands: [HostArray], types: [Type]) throws -> [HostArray] {
    let body = try expanded(operands.map(\.type))
    let values = try Interpreter.evaluate(body.graph, inputs: operands, slots: [])
    return body.results.compactMap(\.value).map { values[$0.node][$0.result] }
  }

  /// The body as a graph of its own: an input for each operand, and after them one for each extent of
  /// the operands' bounded dimensions.
  package func expanded(_ operands: [Type]) throws -> CompositeBody {
    let trace = Trace(isRoot: true)
    let extents = operands.flatMap(\.extents).reduce(into: [Value]()) { known, extent in
      if !known.contains(extent) { known.append(extent) }
    }
    // Extents come first in the graph, because types of later values name them.
    for index in extents.indices {
      _ = trace.apply(Input(index: operands.count + index, type: Type(.int32, [])), [])
    }
    let inputs = operands.enumerated().map { index, type in
      let type = type.mappingExtents { Value(node: extents.firstIndex(of: $0) ?? 0) }
      return trace.apply(Input(index: index, type: type), [])[0]
    }
    let results = body(inputs)
    if let error = trace.error { throw ShapeError(name, error.problem) }
    return CompositeBody(graph: trace.graph, results: results, extents: extents)
  }
}

extension Tensor {
  /// The first result of a composite on this tensor and others: so models use operations of their own.
  ///
  /// - Parameters:
  ///   - composite: The operation.
  ///   - others: Its other operands.
  public func applying(
    _ composite: some Composite, _ others: Tensor..., file: String = #fileID, line: Int = #line
  ) -> Tensor {
    applyAll(composite, others, source: SourceLocation(file: file, line: line))[0]
  }
}

/// What a composite consists of for operands of given types.
package struct CompositeBody {
  /// The operations; operands are its inputs, followed by extents.
  package var graph: Graph
  /// What the composite returns.
  package var results: [Tensor]
  /// The extents of the operands' bounded dimensions, in the graph of the operands.
  package var extents: [Value]

  /// The value outside the body that an extent of a result is.
  fileprivate func outerExtent(
    _ inner: Value, _ operandCount: Int, _ name: String
  ) throws -> Value {
    guard let input = graph.nodes[inner.node].operation as? Input, input.index >= operandCount
    else {
      throw ShapeError(name, "a result is bounded by a value inside the body; unbound it there")
    }
    return extents[input.index - operandCount]
  }
}
