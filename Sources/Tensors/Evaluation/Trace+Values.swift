/// Numbers of a value, and the run of model code in which they were found: parameters and batches
/// differ in another one.
struct KnownValue {
  var array: HostArray
  var evaluation: Evaluation?
}

extension Trace {
  /// The numbers of a value, computed now; they are remembered.
  func array(of value: Value, _ source: SourceLocation?) throws -> HostArray {
    if let error { throw error }
    let context = context
    if let array = context.known[value] { return array }
    do {
      let array = try answer(Question(value, in: graph, context))
      known[value] = KnownValue(array: array, evaluation: asked)
      return array
    } catch let error as TraceError {
      throw error
    } catch {
      throw mistake("\(error)", source)
    }
  }

  private var context: Question.Context {
    let parameters = reads.map { read in
      let name = names[ObjectIdentifier(read.parameter)] ?? ""
      return (read.node, NamedParameter(name: name, parameter: read.parameter))
    }
    let passed = passed.map { (Value(node: $0), $1) }
    let current = known.filter { $0.value.evaluation === asked }.mapValues(\.array)
    return Question.Context(
      parameters: Dictionary(uniqueKeysWithValues: parameters),
      known: current.merging(passed) { first, _ in first })
  }

  /// The evaluation that answers: a root's own, and elsewhere that in whose scope the code runs.
  private var asked: Evaluation? { isRoot ? evaluation : Evaluation.current }

  private func answer(_ question: Question) throws -> HostArray {
    if let asked { return try asked.answer(question) }
    let numbers = question.sources.compactMap { source in
      if case .numbers(let array) = source { array.bytes } else { nil }
    }
    guard question.parameters.isEmpty, numbers.count == question.sources.count else {
      throw ShapeError(
        "value",
        """
        asked for, but no device is at hand to compute it: ask in model code while 'fit' trains it, or \
        inside 'Device.run'; the body of a composite and an optimiser's rule cannot ask
        """)
    }
    return try InterpreterEvaluator().value(of: question.entry, parameters: [], inputs: numbers)
  }

  /// A mistake at a place of the model, to throw.
  func mistake(_ problem: String, _ source: SourceLocation?) -> TraceError {
    TraceError(path: origin.path, problem: problem, source: source)
  }

  /// Writes numbers that are handed to the program when it runs, if anybody can hand them over.
  func pass(_ numbers: [Double], _ type: Type) -> Tensor {
    let tensor = apply(Constant(type: type, numbers: numbers), [])[0]
    guard let value = tensor.value, type.shape.allSatisfy({ $0 >= 0 }) else {
      fail(ShapeError("passing", "\(numbers.count) numbers for the shape \(type.shape)"))
      return Tensor(self, nil)
    }
    let all =
      numbers.count == type.elementCount
      ? numbers
      : Array(
        repeating: numbers[0], count: type.elementCount)
    passed[value.node] = HostArray(type.element, type.shape, all)
    return tensor
  }

  /// Makes inputs of the numbers that are passed in; returns what an entry gets in addition.
  func passInputs(to entry: EntryName, after count: Int) -> [EntryInput] {
    guard let evaluation else { return [] }
    let all = passed.sorted { $0.key < $1.key }.enumerated().map { offset, item in
      let type = item.value.type
      graph.nodes[item.key].operation = Input(index: count + offset, type: type)
      let input = EntryInput(name: "\(entry.rawValue).passed\(offset)", type: type)
      return (input: input, bytes: item.value.bytes)
    }
    evaluation.pass(all)
    return all.map(\.input)
  }
}
