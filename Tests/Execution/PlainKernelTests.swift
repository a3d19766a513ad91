import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Operations without a kernel of their own run in plans by the interpreter's rule, and their results
/// are bit for bit the interpreter's: every operation, its element types, odd sizes.
@Suite struct PlainKernelTests {
  /// A function of inputs.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let inputs: [HostArray]
    let function: @Sendable ([Tensor]) -> [Tensor]
    var testDescription: String { "\(name) of \(inputs.map(\.type))" }

    init(
      _ name: String, _ inputs: HostArray..., function: @escaping @Sendable ([Tensor]) -> [Tensor]
    ) {
      (self.name, self.inputs, self.function) = (name, inputs, function)
    }
  }

  /// Every case without a kernel of its own.
  static let cases = ordering + windows + groups + representations

  static let floats = ElementType.allCases.filter(\.isFloatingPoint)
  static let numbers = ElementType.allCases.filter { $0 != .bool }
  static let sizes = [1, 7, 65, 257]

  /// Numbers of a type with repetitions; integers from -20 to 20, or from 0 to 40.
  static func values(_ element: ElementType, _ shape: [Int], seed: UInt64 = 1) -> HostArray {
    var random = RandomSource(seed: seed)
    let numbers = (0..<shape.reduce(1, *)).map { _ in
      let number = Double(random.below(41)) - (isUnsigned(element) ? 0 : 20)
      return element.isFloatingPoint ? number / 8 : number
    }
    return HostArray(element, shape, numbers)
  }

  private static func isUnsigned(_ element: ElementType) -> Bool {
    !element.isFloatingPoint && !element.isSignedInteger
  }

  /// Integers from -2 to below `limit` + 2, so that some are outside.
  static func indices(_ element: ElementType, _ shape: [Int], below limit: Int) -> HostArray {
    var random = RandomSource(seed: 2)
    let count = shape.reduce(1, *)
    return HostArray(
      element, shape, integers: (0..<count).map { _ in Int64(random.below(limit + 4) - 2) })
  }

  private func program(_ test: Case) throws -> Program {
    let trace = Trace(isRoot: true)
    let inputs = test.inputs.enumerated().map { EntryInput(name: "x\($0)", type: $1.type) }
    let arguments = inputs.enumerated().map { trace.apply(Input(index: $0, type: $1.type), [])[0] }
    var results = test.function(arguments)
    // A user and a maker that are fused, so that values cross from regions and into them.
    if let first = results.first, isAdded(first) { results.append(first + first) }
    if let first = arguments.first, isAdded(first) {
      results += test.function([first + first] + arguments.dropFirst())
    }
    if let error = trace.error { throw error }
    var entry = Entry(name: .step, inputs: inputs, graph: trace.graph)
    entry.results = results.compactMap(\.value).enumerated().map {
      EntryResult(name: "\($0)", value: $1)
    }
    return Program(entries: [entry])
  }

  /// Whether regions add elements of the type: they have no float8 yet.
  private func isAdded(_ tensor: Tensor) -> Bool {
    ![.bool, .float8e4m3, .float8e5m2].contains(tensor.type.element)
  }

  @Test(arguments: cases) func plansComputeWhatTheInterpreterComputes(_ test: Case) throws {
    #expect(try kernels(test).contains { $0.hasPrefix("plain ") })
  }

  /// Boxes are found and replaced in regions, except those of eight-bit floats.
  @Test(arguments: indexing) func boxesAreCopiedByRegions(_ test: Case) throws {
    let element = test.inputs[0].element
    let isTiny = element.isFloatingPoint && element.byteCount == 1
    #expect(try kernels(test).contains { $0.hasPrefix("plain ") } == isTiny)
  }

  /// The kernels of a case, whose results are found to be the interpreter's.
  private func kernels(_ test: Case) throws -> [String] {
    let program = try program(test)
    var interpreter = try Interpreter(program)
    let expected = try interpreter.call(.step, test.inputs)
    let device = try CPUDevice(threadCount: 2)
    let plan = try Plan(program.applying(Program.lowering), for: device)
    let executor = try Executor(plan, on: device)
    try executor.call(.step, test.inputs.map(\.bytes))
    for (name, value) in expected {
      let found = try executor.result(name, of: .step)
      #expect(found.shape == value.shape && found.bytes == value.bytes, "result \(name)")
    }
    return plan.segments[0].instructions.map(\.kernel)
  }

  @Test func operationsOfRegionsHaveNoPlainKernel() throws {
    let type = Type(.float32, [2])
    let device = try CPUDevice(threadCount: 1)
    let operations: [any Operation] = [
      Unary(function: .negate), Reshape(shape: [2]), Softmax(), Input(index: 0, type: type),
      Read(slot: 0, type: type), Reduce(reduction: .sum, dimensions: []),
    ]
    for operation in operations {
      #expect(throws: TargetError.self) {
        try device.choice(for: operation, operands: [type], results: [type])
      }
    }
  }
}
