import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The laws of ``Gradient`` on random smooth programs.
@Suite struct GradientLawTests {
  /// The gradients by all slots, by their names.
  private func gradients(
    _ testCase: ProgramCase, _ transforms: [any Transform]
  ) throws -> Outcome {
    let program = try testCase.program.applying(transforms)
    var interpreter = try Interpreter(program, slots: testCase.slots)
    return Outcome(
      results: try interpreter.call(.step, testCase.inputs(ofCall: 0)), slots: [])
  }

  private func loss(_ testCase: ProgramCase, _ slots: [HostArray]) throws -> Double {
    var interpreter = try Interpreter(testCase.program, slots: slots)
    return try interpreter.call(.evaluate, testCase.inputs(ofCall: 0))["loss"]?.doubles[0] ?? .nan
  }

  /// Shrinking must leave a loss.
  private func hasLoss(_ testCase: ProgramCase) -> Bool {
    guard let entry = testCase.program.entry(.evaluate), let loss = entry.results.first else {
      return false
    }
    return entry.graph.type(of: loss.value) == Type(.float64, [])
  }

  // MARK: Finite differences

  /// The slope along a direction by one slot, from five points (Abramowitz, Stegun, 25.3.6): the error is the
  /// fifth derivative times 1e-13, and rounding is about 1e-12.
  private func slope(
    _ testCase: ProgramCase, _ slot: Int, _ direction: [Double]
  ) throws -> Double {
    let step = 1e-3
    let slots = testCase.slots
    let values = try [2.0, 1, -1, -2].map { distance in
      var moved = slots
      let numbers = zip(slots[slot].doubles, direction).map { $0 + distance * step * $1 }
      moved[slot] = HostArray(.float64, slots[slot].shape, numbers)
      return try loss(testCase, moved)
    }
    return (8 * (values[1] - values[2]) - (values[0] - values[3])) / (12 * step)
  }

  private func slopeProblems(_ testCase: ProgramCase) throws -> [String] {
    guard hasLoss(testCase) else { return [] }
    let found = try gradients(testCase, [Gradient()]).results
    var random = RandomSource(seed: testCase.seed)
    return try testCase.program.slots.enumerated().compactMap { index, slot in
      guard slot.isTrainable, let gradient = found.first(where: { $0.name == slot.name }) else {
        return nil
      }
      let direction = (0..<slot.type.elementCount).map { _ in random.unit() }
      let expected = try slope(testCase, index, direction)
      let numbers = gradient.value.doubles
      let slope = zip(numbers, direction).reduce(0) { $0 + $1.0 * $1.1 }
      let size = zip(numbers, direction).reduce(1) { $0 + abs($1.0 * $1.1) }
      return abs(slope - expected) <= 1e-6 * size
        ? nil : "the slope by \(slot.name) is \(expected), not \(slope)"
    }
  }

  @Test(arguments: 0..<4) func gradientsAreSlopes(_ block: UInt64) throws {
    for seed in block * 75..<block * 75 + 75 {
      let random = RandomProgram(lossOfSeed: seed, operations: 3 + Int(seed % 12))
      #expect(random.mistake == nil, "seed \(seed)")
      if let failure = random.testCase.smallestFailure(slopeProblems) {
        Issue.record("\(failure)")
      }
    }
  }

  // MARK: Composites

  /// What differs when composites are expanded before and not by their own rules.
  private func bodyProblems(_ testCase: ProgramCase) throws -> [String] {
    guard hasLoss(testCase) else { return [] }
    let own = try gradients(testCase, [Gradient()])
    let ofBodies = try gradients(testCase, [Expand(), Gradient()])
    return ofBodies.differences(from: own, tolerance: 1e-9)
  }

  @Test func gradientsOfCompositesAreThoseOfTheirBodies() throws {
    for seed in 0..<200 as Range<UInt64> {
      let random = RandomProgram(lossOfSeed: 1000 + seed, operations: 3 + Int(seed % 12))
      if let failure = random.testCase.smallestFailure(bodyProblems) {
        Issue.record("\(failure)")
      }
    }
  }

  /// The sample of every composite, its float inputs made trainable slots.
  @Test(arguments: OperationTable.standard.names.sorted())
  func theGradientOfEachCompositeIsThatOfItsBody(_ name: String) throws {
    guard let sample = OperationSample(name, .float64)?.testCase.program,
      let place = sample.entries[0].graph.nodes.firstIndex(where: {
        $0.operation is any Composite && $0.operation.name == name
      })
    else { return }
    let testCase = ProgramCase(
      sample.loss(ofFirstResultOf: place), calls: [.evaluate], seed: 3)
    #expect(try bodyProblems(testCase) == [])
    #expect(try slopeProblems(testCase) == [])
  }
}

extension Program {
  /// The sum of the squares of a node's first result as the loss of an entry `evaluate`, float inputs
  /// having become slots.
  fileprivate func loss(ofFirstResultOf place: Int) -> Program {
    let trace = Trace(isRoot: true)
    var program = Program()
    var entry = Entry(name: .evaluate)
    var values: [[Tensor]] = []
    for node in entries[0].graph.nodes[...place] {
      let operands = node.operands.map { values[$0.node][$0.result] }
      if node.operation is Input {
        let type = node.types[0]
        values.append([
          type.element.isFloatingPoint
            ? program.newSlot(type, trace) : entry.newInput(type, trace)
        ])
      } else {
        values.append(trace.apply(node.operation, operands))
      }
    }
    let result = values[place][0]
    if let loss = (result * result).sum().value {
      entry.results = [EntryResult(name: "loss", value: loss)]
    }
    entry.graph = trace.graph
    program.entries = [entry]
    return program
  }

  private mutating func newSlot(_ type: Type, _ trace: Trace) -> Tensor {
    slots.append(
      Slot(
        name: "slot\(slots.count)", type: type, initializer: .zeros, kind: .parameter,
        isTrainable: true))
    return trace.read(slot: slots.count - 1, of: self)
  }
}

extension Entry {
  fileprivate mutating func newInput(_ type: Type, _ trace: Trace) -> Tensor {
    inputs.append(EntryInput(name: "input\(inputs.count)", type: type))
    return trace.apply(Input(index: inputs.count - 1, type: type), [])[0]
  }
}
