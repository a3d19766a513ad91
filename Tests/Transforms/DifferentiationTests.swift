import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Gradients are those of central finite differences in float64.
///
/// With steps of 1e-5 the differences are off by the third derivative times 1e-10 and by rounding of
/// about 1e-11: a tolerance of 1e-7 of the norm is safe, and every mistake is larger.
@Suite struct DifferentiationTests {
  /// A function of parameters, with the shapes of those.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let shapes: [[Int]]
    let function: @Sendable ([Tensor]) -> [Tensor]
    var testDescription: String { name }

    init(
      _ name: String, _ shapes: [Int]..., function: @escaping @Sendable ([Tensor]) -> [Tensor]
    ) {
      (self.name, self.shapes, self.function) = (name, shapes, function)
    }
  }

  /// A program whose loss weighs every element of every result differently.
  private func program(_ test: Case) throws -> Program {
    let trace = Trace(isRoot: true)
    var program = Program()
    for (index, shape) in test.shapes.enumerated() {
      program.slots.append(
        Slot(
          name: "x\(index)", type: Type(.float64, shape), initializer: .zeros, kind: .parameter,
          isTrainable: true))
    }
    let tensors = program.slots.indices.map { trace.read(slot: $0, of: program) }
    var random = RandomSource(seed: 11)
    let terms = test.function(tensors).map { result in
      let weights = (0..<result.type.elementCount).map { _ in random.unit() }
      let type = Type(.float64, result.shape)
      return (result * trace.apply(Constant(type: type, numbers: weights), [])[0]).sum()
    }
    let loss = terms.dropFirst().reduce(terms[0], +)
    if let error = trace.error { throw error }
    var entry = Entry(name: .evaluate, graph: trace.graph)
    entry.results = [loss.value].compactMap { $0 }.map { EntryResult(name: "loss", value: $0) }
    program.entries = [entry]
    return program
  }

  private func loss(_ program: Program, _ slots: [HostArray]) throws -> Double {
    var interpreter = try Interpreter(program, slots: slots)
    return try interpreter.call(.evaluate)["loss"]?.doubles[0] ?? .nan
  }

  private func difference(
    _ program: Program, _ slots: [HostArray], _ slot: Int, _ place: Int
  ) throws -> Double {
    let moved = try [1e-5, -1e-5].map { step in
      var (slots, numbers) = (slots, slots[slot].doubles)
      numbers[place] += step
      slots[slot] = HostArray(.float64, slots[slot].shape, numbers)
      return try loss(program, slots)
    }
    return (moved[0] - moved[1]) / 2e-5
  }

  @Test(arguments: cases) func gradientsAreFiniteDifferences(_ test: Case) throws {
    let program = try program(test)
    var random = RandomSource(seed: 5)
    // Between 0.2 and 1.2, and no two alike: away from where functions bend or are undefined.
    let slots = program.slots.map { slot in
      let count = slot.type.elementCount
      let steps = random.shuffled(Array(0..<count))
      return HostArray(
        .float64, slot.type.shape, steps.map { 0.2 + (Double($0) + 0.3) / Double(count) })
    }
    let differentiated = try program.applying([Gradient()])
    var interpreter = try Interpreter(differentiated, slots: slots)
    let gradients = try interpreter.call(.step)
    for (index, slot) in slots.enumerated() {
      let numbers = try (0..<slot.count).map { try difference(program, slots, index, $0) }
      let found = try #require(gradients["x\(index)"])
      let error = HostArray(.float64, slot.shape, numbers).normwiseError(of: found)
      #expect(error < 1e-7, "by x\(index)")
    }
  }
}
