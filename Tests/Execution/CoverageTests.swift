import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Every operation on every element type that the processor runs, in sizes around those of vectors.
@Suite struct CoverageTests {
  private struct Cell: Hashable {
    let name: String
    let element: ElementType
  }

  private static let names = OperationTable.standard.names.sorted()

  /// Twice the distance between neighbours, ten times as much where roundings add up.
  private static let tolerances: [ElementType: Double] = [
    .float64: 1e-12, .float32: 5e-6, .float16: 2e-2, .bfloat16: 1e-1, .float8e4m3: 0.13,
    .float8e5m2: 0.26,
  ]

  private var samples: [(cell: Cell, testCase: ProgramCase)] {
    Self.names.flatMap { name in
      ElementType.allCases.compactMap { element in
        OperationSample(name, element).map { (Cell(name: name, element: element), $0.testCase) }
      }
    }
  }

  /// The plan of a sample; nil where the device says that it has no kernel.
  private func plan(_ testCase: ProgramCase, _ device: CPUDevice) throws -> Plan? {
    let program = try testCase.program.applying(Program.lowering(Strategy(), for: device))
    do {
      let plan = try Plan(program, for: device)
      for instruction in plan.segments.flatMap(\.instructions) {
        if instruction.operation is Contraction { try device.prepare([plan]) }
        guard let region = instruction.operation as? Region else { continue }
        _ = try device.compiler.source(
          region, operandTypes: instruction.operandTypes, sharedBuffers: instruction.overwrites)
      }
      return plan
    } catch {
      return nil
    }
  }

  @Test func everyOperationOnEveryElementTypeIsTheInterpreters() throws {
    let device = try CPUDevice(threadCount: 2)
    var (coverage, claimed) = (Coverage(), Set<Cell>())
    let planned = try samples.map { ($0.cell, $0.testCase, try plan($0.testCase, device)) }
    try device.prepare(planned.compactMap(\.2))
    for (cell, testCase, plan) in planned {
      guard let plan else { continue }
      claimed.insert(cell)
      coverage.add(testCase.program)
      let expected = try testCase.interpreted(testCase.program)
      let found = try testCase.executed(plan, on: device)
      let problems = expected.differences(from: found) { Self.tolerances[$0.element] ?? 0 }
      #expect(problems == [], "\(cell.name) of \(cell.element)")
    }
    for seed in 0..<300 as Range<UInt64> {
      let element: ElementType = seed % 2 == 0 ? .float32 : .float64
      coverage.add(
        RandomProgram(seed: seed, operations: 25, element: element).testCase.program)
    }
    let known = Set(samples.map(\.cell))
    let names = Self.names.filter { OperationSample.exceptions[$0] == nil }
    print(coverage.table(names) { known.contains(Cell(name: $0, element: $1)) })
    // Regions have no 8-bit floats yet, the only types for which the device says that it has no kernel.
    let refused = known.subtracting(claimed).filter { !$0.element.rawValue.hasPrefix("float8") }
    #expect(refused == [])
    for cell in claimed {
      #expect(coverage.isWhole(cell.name, cell.element), "\(cell.name) of \(cell.element)")
    }
  }

  /// A new row of the table needs a sample, and a place in the random programs.
  @Test func everyRowOfTheTableIsDrawn() {
    var drawn = Coverage()
    for seed in 0..<300 as Range<UInt64> {
      drawn.add(RandomProgram(seed: seed, operations: 25, element: .float32).testCase.program)
    }
    let rows = Set(Self.names).subtracting(OperationSample.exceptions.keys)
    #expect(rows.subtracting(drawn.names) == [])
    #expect(rows.subtracting(samples.map(\.cell.name)) == [])
  }
}
