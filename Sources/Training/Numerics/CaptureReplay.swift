import DeepEPElements
import DeepEPStorage
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms

/// Runs a captured step on the interpreter, and looks at every result.
package struct CaptureReplay {
  /// What came of it.
  package struct Report {
    /// The loss.
    package var loss: Double
    /// The first operation whose result is not finite though its operands are, for people; nil if there is none.
    package var firstNonFinite: String?
  }

  private let capture: NumericsCapture
  private let program: Program
  private var interpreter: Interpreter

  /// Prepares the run: composites become their operations, and contractions have the precision of the run.
  ///
  /// - Throws: ``StorageError`` if tensors are not those of the program, and what transforms throw.
  package init(_ capture: NumericsCapture) throws {
    self.capture = capture
    let strategy = Strategy(precision: capture.precision)
    let transforms = Program.lowering(
      strategy, Set(Optimization.allCases).subtracting([.attention]))
    program = try capture.program.applying(
      transforms.filter { [.expand, .bound, .precision].contains($0.name) })
    let known = Set(capture.checkpoint.file.names)
    let slots = try program.slots.map { slot in
      let type = slot.type
      guard known.contains(slot.name) else {
        return HostArray(
          type.element, type.shape, Array(repeating: 0.0, count: type.elementCount))
      }
      return try Self.array(named: slot.name, type, capture.checkpoint)
    }
    interpreter = try Interpreter(program, slots: slots)
  }

  /// Runs the step.
  ///
  /// - Parameter onOperation: Told after each operation how many are done, and how many there are.
  package mutating func run(onOperation: (Int, Int) -> Void = { _, _ in }) throws -> Report {
    var report = Report(loss: 0)
    let count = capture.schedule.calls.reduce(0) {
      $0 + (program.entry($1.entry)?.graph.nodes.count ?? 0)
    }
    var doneCount = 0
    for call in capture.schedule.calls {
      guard let entry = program.entry(call.entry) else { continue }
      let inputs = try entry.inputs.map { input in
        let name = NumericsCapture.name(input.name, microBatch: call.microBatch ?? 0)
        return try Self.array(named: name, input.type, capture.checkpoint)
      }
      let results = try interpreter.call(call.entry, inputs) { index, operands, results in
        onOperation(doneCount + index + 1, count)
        guard report.firstNonFinite == nil else { return }
        report.firstNonFinite = Self.problem(entry, index, operands, results)
      }
      doneCount += entry.graph.nodes.count
      report.loss += results["loss"]?.doubles.first ?? 0
    }
    return report
  }

  private static func array(
    named name: String, _ type: Type, _ checkpoint: Checkpoint
  ) throws -> HostArray {
    let tensor = try checkpoint.tensor(named: name)
    guard tensor.element == type.element, tensor.shape == type.shape else {
      throw StorageError(
        "\(name.shown) is \(tensor.tensor.typeDescription), the program has \(type)",
        at: checkpoint.file.path, fix: "the file is damaged: capture the step again")
    }
    return tensor.withBytes { HostArray(type.element, type.shape, bytes: $0) }
  }

  /// What a node has made of finite numbers, if that is not finite.
  private static func problem(
    _ entry: Entry, _ index: Int, _ operands: [HostArray], _ results: [HostArray]
  ) -> String? {
    let node = entry.graph.nodes[index]
    let before = operands.map { NonFiniteElements($0) }
    for result in results {
      let found = NonFiniteElements(result)
      let isNew =
        found.nanCount > 0 && before.allSatisfy { $0.nanCount == 0 }
        || found.infiniteCount > 0 && before.allSatisfy(\.isEmpty) && !node.operation.hasInfinity
      guard isNew else { continue }
      let lines = operands.map { operand in
        let (least, greatest) = (operand.doubles.min() ?? 0, operand.doubles.max() ?? 0)
        return "\n  operand \(operand.type), from \(least) to \(greatest)"
      }
      return
        "%\(index) of \(entry.name.rawValue): \(result.type) of '\(node.operation.name)' in "
        + "\(node.origin.place): \(found.text(shape: result.shape))\(lines.joined())"
    }
    return nil
  }
}

extension NonFiniteElements {
  fileprivate init(_ array: HostArray) {
    self = array.bytes.withUnsafeBytes { NonFiniteElements(array.element, $0) }
  }
}
