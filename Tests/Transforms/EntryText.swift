import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// An entry `step` written in a few lines: the inputs are those that it names, results are returned.
struct EntryText {
  private let slots: [String]
  private let inputs: [String]
  private let lines: [String]

  /// Nodes follow the inputs, which are `%0`, `%1` and so on, and the reads of slots after them.
  init(inputs: [String] = [], slots: [String] = [], _ lines: String) {
    (self.inputs, self.slots) = (inputs, slots)
    self.lines = lines.split(separator: "\n").map(String.init)
  }

  /// The text of the program.
  var text: String {
    let attributes =
      #"{"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":true,"kind":"parameter"}"#
    let state = slots.enumerated().map { "slot s\($0) : \($1) \(attributes)" }
    let arguments = inputs.enumerated().map { "argument x\($0) : \($1)" }
    let given = inputs.enumerated().map { index, type in
      "%\(index) = input() {\"index\":\(index),\"type\":\"\(type)\"} : \(type)"
    }
    let reads = slots.enumerated().map { index, type in
      "%\(index + inputs.count) = read() {\"slot\":\(index),\"type\":\"\(type)\"} : \(type)"
    }
    return (state + ["entry step"] + arguments + given + reads + lines).joined(separator: "\n")
  }

  /// The program, verified.
  func program() throws -> Program { try Program(text: text) }

  /// The program after transforms, which the interpreter finds to compute the same.
  func after(
    _ transforms: any Transform..., location: Testing.SourceLocation = #_sourceLocation
  ) throws -> Program {
    let program = try program()
    let result = try program.applying(transforms)
    let differences = try outcome(program).differences(from: outcome(result), tolerance: 1e-9)
    #expect(differences == [], sourceLocation: location)
    return result
  }

  private func outcome(_ program: Program) throws -> Outcome {
    var random = RandomSource(seed: 3)
    let array = { (type: Type) in
      HostArray(type.element, type.shape, (0..<type.elementCount).map { _ in 2 * random.unit() })
    }
    var interpreter = try Interpreter(program, slots: program.slots.map { array($0.type) })
    let results = try interpreter.call(.step, program.entries[0].inputs.map { array($0.type) })
    return Outcome(results: results, slots: interpreter.slots)
  }
}

extension Program {
  /// The lines of the only entry from the first node that is neither input nor slot.
  var body: [String] {
    let lines = entries[0].description.split(separator: "\n").dropFirst(1 + entries[0].inputs.count)
    return lines.map { String($0.drop { $0 == " " }) }.filter {
      !$0.contains("= input()") && !$0.contains("= read()")
    }
  }

  /// The regions of the only entry, as people read them.
  var regions: [String] {
    entries[0].graph.nodes.compactMap { ($0.operation as? Region)?.loopText }
  }

  /// The names of the operations of the only entry but inputs and slots.
  var operations: [String] {
    entries[0].graph.nodes.map(\.operation.name).filter { $0 != "input" && $0 != "read" }
  }
}
