import Synchronization

/// One run of model code that may ask for values: who computes them, from which inputs, and whether
/// the code made use of it.
///
/// It travels with the trace that the code writes. For tensors that belong to no entry yet, such as
/// those of parameters alone, it is found as a task-local value, ``current``.
package final class Evaluation: Sendable {
  /// The evaluation in whose scope this code runs.
  @TaskLocal package static var current: Evaluation?

  private let state: Mutex<State>

  // Only touched with the lock held, and answers only while its owner waits in `scope`.
  fileprivate struct State: @unchecked Sendable {
    var evaluator: any Evaluator
    var inputs: () throws -> [[UInt8]]
    var known: [[UInt8]]?
    var scopeCount = 0
    var isUsed = false
    var passed: [(input: EntryInput, bytes: [UInt8])] = []
  }

  /// Makes an evaluation.
  ///
  /// - Parameters:
  ///   - evaluator: Computes the values.
  ///   - inputs: The bytes of the entry's inputs; called at most once, when they are first needed.
  package init(
    _ evaluator: any Evaluator, inputs: @escaping () throws -> [[UInt8]] = { [] }
  ) {
    state = Mutex(State(evaluator: evaluator, inputs: inputs))
  }

  /// Whether code asked for a value or passed a number: then another run may write another graph.
  package var isUsed: Bool { state.withLock(\.isUsed) }

  /// The further inputs of traced entries, with the bytes of the numbers that code passed in; their
  /// names differ.
  package var passed: [(input: EntryInput, bytes: [UInt8])] { state.withLock(\.passed) }

  /// Runs model code, which may ask; after it nothing can be asked any more.
  package func scope<Result>(_ body: () throws -> Result) rethrows -> Result {
    state.withLock { $0.scopeCount += 1 }
    defer { state.withLock { $0.scopeCount -= 1 } }
    return try Self.$current.withValue(self, operation: body)
  }

  /// The value that a question is about.
  package func answer(_ question: Question) throws -> HostArray {
    try state.withLock { state in
      guard state.scopeCount > 0 else {
        throw ShapeError("value", "asked for after the code that may ask has returned")
      }
      state.isUsed = true
      let inputs = try question.sources.map { try state.bytes(of: $0) }
      return try state.evaluator.value(
        of: question.entry, parameters: question.parameters, inputs: inputs)
    }
  }

  /// Notes what a finished trace passes in.
  func pass(_ inputs: [(input: EntryInput, bytes: [UInt8])]) {
    state.withLock { state in
      state.passed += inputs
      if !inputs.isEmpty { state.isUsed = true }
    }
  }
}

extension Evaluation.State {
  fileprivate mutating func bytes(of source: Question.InputSource) throws -> [UInt8] {
    switch source {
    case .numbers(let array): return array.bytes
    case .batch(let index):
      let all = try known ?? inputs()
      known = all
      guard all.indices.contains(index) else {
        throw ShapeError("value", "input \(index) of the entry is not known here")
      }
      return all[index]
    }
  }
}
