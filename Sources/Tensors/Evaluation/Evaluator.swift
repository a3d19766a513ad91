/// Computes values that model code asks for: a device, or the interpreter.
package protocol Evaluator {
  /// The result of an entry that has one.
  ///
  /// - Parameters:
  ///   - entry: What is computed; it updates nothing.
  ///   - parameters: The parameters that its slots stand for, in order.
  ///   - inputs: The bytes of its inputs, in order.
  func value(
    of entry: Entry, parameters: [NamedParameter], inputs: [[UInt8]]
  ) throws -> HostArray
}

/// Answers by the interpreter: slow, but without a device.
package struct InterpreterEvaluator: Evaluator {
  private let values: [ObjectIdentifier: HostArray]

  /// Makes an evaluator that knows the values of some parameters.
  package init(_ values: [ObjectIdentifier: HostArray] = [:]) { self.values = values }

  package func value(
    of entry: Entry, parameters: [NamedParameter], inputs: [[UInt8]]
  ) throws -> HostArray {
    let slots = try parameters.map { parameter in
      guard let value = values[ObjectIdentifier(parameter.parameter)] else {
        throw ShapeError(
          "value",
          "a parameter of type \(parameter.parameter.type) has no numbers: no device is at hand")
      }
      return value
    }
    let arrays = zip(entry.inputs, inputs).map { input, bytes in
      bytes.withUnsafeBytes { HostArray(input.type.element, input.type.shape, bytes: $0) }
    }
    let all = try Interpreter.evaluate(entry.graph, inputs: arrays, slots: slots)
    guard let result = entry.results.first?.value else {
      throw ShapeError("value", "the entry returns nothing")
    }
    return all[result.node][result.result]
  }
}
