import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// The law of bounded dimensions: a program does what it does when the valid parts are all there is.
///
/// What lies beyond the extents is not a number, in arguments and, where the transform `bound` poisons,
/// in everything computed; no result may show it.
@Suite struct BoundedLawTests {
  /// The transforms, with the one that bounds poisoning what is undefined.
  private static var poisoned: [any Transform] {
    Program.lowering.map {
      $0.name == .bound ? Bound(poisons: true) : $0
    }
  }

  private let device: CPUDevice

  init() throws { device = try CPUDevice(threadCount: 2) }

  private func compiled(
    _ bounded: BoundedProgram, _ program: Program, _ entry: EntryName = .evaluate
  ) throws -> Outcome {
    let executor = try Executor(Plan(program, for: device), on: device)
    for (slot, value) in zip(bounded.program.slots, bounded.slots) {
      try executor.write(value, to: slot.name)
    }
    try executor.call(entry, bounded.inputs.map(\.bytes))
    let names = program.entry(entry)?.results.map(\.name) ?? []
    let results = try names.map { ($0, try executor.result($0, of: entry)) }
    return Outcome(
      results: bounded.valid(Dictionary(uniqueKeysWithValues: results)), slots: [])
  }

  /// What differs from the fixed form: on the interpreter, after each transform, and compiled.
  private func problems(
    _ bounded: BoundedProgram, _ fixed: BoundedProgram, isCompiled: Bool = true
  ) throws -> [String] {
    for mistake in [bounded.mistake, fixed.mistake].compactMap({ $0 }) { return ["\(mistake)"] }
    try bounded.program.verify()
    let text = bounded.program.description
    guard try Program(text: text).description == text else { return ["text: it reads otherwise"] }
    let expected = try fixed.interpreted(fixed.program)
    let tolerance = bounded.element == .float32 ? 2e-4 : 1e-9
    var stages = [("interpreter", try bounded.interpreted(bounded.program))]
    for (name, lowering) in [("", Program.lowering), ("poisoned ", Self.poisoned)] {
      var program = bounded.program
      for transform in lowering {
        program = try program.applying([transform])
        stages.append((name + transform.name.rawValue, try bounded.interpreted(program)))
      }
      if isCompiled { stages.append((name + "compiled", try compiled(bounded, program))) }
    }
    return stages.flatMap { name, found in
      expected.differences(from: found, tolerance: tolerance).map { "\(name): \($0)" }
    }
  }

  // MARK: One operation at a time

  private func check(
    _ test: BoundedCase, _ element: ElementType,
    location: Testing.SourceLocation = #_sourceLocation
  ) throws {
    for (first, second) in [(0, 3), (1, 0), (6, 1), (7, 4), (3, 5), (0, 0)] {
      let bounds = [
        BoundedProgram.Bound(maximum: 7, extent: first),
        BoundedProgram.Bound(maximum: 5, extent: second),
      ]
      let forms = [true, false].map { isBounded in
        BoundedProgram(bounds, element: element, isBounded: isBounded) { test.body(&$0) }
      }
      let problems = try problems(forms[0], forms[1])
      #expect(
        problems == [], "\(element), \(first) of 7 and \(second) of 5", sourceLocation: location)
    }
  }

  @Test(arguments: BoundedCase.numeric) func numbersOfEveryKind(_ test: BoundedCase) throws {
    for element in [ElementType.float32, .float64, .int32] { try check(test, element) }
  }

  @Test(arguments: BoundedCase.ordering) func orderedNumbers(_ test: BoundedCase) throws {
    for element in [ElementType.float32, .float64, .int32] { try check(test, element) }
  }

  @Test(arguments: BoundedCase.floating) func floatingPointNumbers(_ test: BoundedCase) throws {
    for element in [ElementType.float32, .float64] { try check(test, element) }
  }

  // MARK: Programs by chance

  private func random(_ seed: UInt64, _ operations: Int, _ element: ElementType) throws -> [String]
  {
    let forms = [true, false].map {
      BoundedProgram(seed: seed, operations: operations, element: element, isBounded: $0)
    }
    return try problems(forms[0], forms[1], isCompiled: element == .float32)
  }

  @Test(arguments: 0..<4) func randomProgramsSeeOnlyTheValidPart(_ block: Int) {
    for seed in UInt64(block * 30)..<UInt64(block * 30 + 30) {
      let element: ElementType = seed % 3 == 0 ? .float32 : .float64
      let failure = smallestFailure(3 + Int(seed % 12)) { try random(seed, $0, element) }
      #expect(failure == nil, "seed \(seed)")
    }
  }

  /// The gradients by slots, of which only a first part is valid, are those of the valid part alone.
  private func gradientProblems(_ seed: UInt64, _ operations: Int) throws -> [String] {
    let element: ElementType = seed % 4 == 0 ? .float32 : .float64
    let forms = [true, false].map {
      BoundedProgram(seed: seed, operations: operations, element: element, isBounded: $0)
    }
    let (bounded, fixed) = (forms[0], forms[1])
    for mistake in [bounded.mistake, fixed.mistake].compactMap({ $0 }) { return ["\(mistake)"] }
    let expected = try fixed.interpreted(fixed.program.applying([Gradient()]), .step)
    let program = try bounded.program.applying([Gradient()])
    let lowered = try program.applying(Self.poisoned)
    let tolerance = element == .float32 ? 2e-3 : 1e-9
    var stages = [
      ("gradient", try bounded.interpreted(program, .step)),
      ("lowered", try bounded.interpreted(lowered, .step)),
    ]
    if element == .float32 { stages.append(("compiled", try compiled(bounded, lowered, .step))) }
    return stages.flatMap { name, found in
      expected.differences(from: found, tolerance: tolerance).map { "\(name): \($0)" }
    }
  }

  @Test(arguments: 0..<3) func gradientsOfRandomProgramsSeeOnlyTheValidPart(_ block: Int) {
    for seed in UInt64(block * 20 + 500)..<UInt64(block * 20 + 520) {
      let failure = smallestFailure(3 + Int(seed % 8)) { try gradientProblems(seed, $0) }
      #expect(failure == nil, "seed \(seed)")
    }
  }
}
