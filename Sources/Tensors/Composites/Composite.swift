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

  /// The results, computed from operands by other operations.
  func body(_ operands: [Tensor]) -> [Tensor]
}

extension Composite {
  /// The body is differentiated.
  public var hasOwnGradient: Bool { false }

  /// The types that the body's results have.
  public func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: operandCount)
    return try expanded(operands).results.map(\.type)
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

  /// The body as a graph of its own, one input for each operand.
  package func expanded(_ operands: [Type]) throws -> (graph: Graph, results: [Tensor]) {
    let trace = Trace(isRoot: true)
    let inputs = operands.enumerated().map { trace.apply(Input(index: $0, type: $1), [])[0] }
    let results = body(inputs)
    if let error = trace.error { throw ShapeError(name, error.problem) }
    return (trace.graph, results)
  }
}
