import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// A compiled entry refuses an extent that is negative or too large, and touches no memory beyond.
@Suite struct ExtentErrorTests {
  private static let text = """
    slot total : float32[3] {"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":false,"kind":"statistic"}
    entry step
      argument n : int32[]
      argument x : float32[<=4:%0, 3]
      argument flags : int32[9]
      %0 = input() {"index":0,"type":"int32[]"} : int32[]
      %1 = input() {"index":1,"type":"float32[<=4:%0, 3]"} : float32[<=4:%0, 3]
      %2 = input() {"index":2,"type":"int32[9]"} : int32[9]
      %3 = read() {"slot":0,"type":"float32[3]"} : float32[3]
      %4 = reduce(%1) {"dimensions":[0],"reduction":"sum"} : float32[3]
      %5 = add(%3, %4) : float32[3]
      %6 = reduce(%2) {"dimensions":[0],"reduction":"sum"} : int32[]
      %7 = unbounded(%1) {"dimension":0,"filling":0} : float32[4, 3]
      %8 = bounded(%7) {"dimension":0,"extent":"%6"} : float32[<=4:%6, 3] // forward h.3.moe
      %9 = reduce(%8) {"dimensions":[0],"reduction":"sum"} : float32[3]
      update 0 %5
      return y %9
    """

  private func executor() throws -> Executor {
    let device = try CPUDevice(threadCount: 2)
    let program = try Program(text: Self.text).applying(Program.lowering)
    return try Executor(Plan(program, for: device), on: device)
  }

  private func inputs(_ n: Double, _ flags: Int) -> [HostArray] {
    [
      HostArray(.int32, [], [n]),
      HostArray(.float32, [4, 3], (0..<12).map { Double($0) < 3 * n ? 1 : .nan }),
      HostArray(.int32, [9], (0..<9).map { $0 < abs(flags) ? (flags < 0 ? -1 : 1) : 0 }),
    ]
  }

  @Test func allowedExtentsRunOneAfterTheOther() throws {
    let executor = try executor()
    var total = 0.0
    for (n, flags) in [(3, 2), (0, 0), (4, 4), (1, 3)] as [(Double, Int)] {
      try executor.call(.step, inputs(n, flags).map(\.bytes))
      total += n
      let y = try executor.result("y", of: .step)
      #expect(y.doubles == [Double](repeating: min(n, Double(flags)), count: 3))
      #expect(try executor.slot("total").doubles == [Double](repeating: total, count: 3))
    }
  }

  @Test(arguments: [5.0, -1, 2e9, -2e9]) func anArgumentOutOfRangeChangesNothing(_ n: Double) throws
  {
    let executor = try executor()
    let error = try #require(throws: ExecutionError.self) {
      try executor.call(.step, inputs(n, 1).map(\.bytes))
    }
    #expect(error.what == "the extent \(Int(n)) of input 'x' is not between 0 and 4")
    #expect(error.place == "entry 'step'")
    #expect(try executor.slot("total").doubles == [0, 0, 0])
    try executor.call(.step, inputs(2, 1).map(\.bytes))
    #expect(try executor.slot("total").doubles == [2, 2, 2])
  }

  @Test(arguments: [5, 9, -1, -9]) func aComputedExtentOutOfRangeNamesItsModule(_ flags: Int) throws
  {
    let executor = try executor()
    let error = try #require(throws: ExecutionError.self) {
      try executor.call(.step, inputs(2, flags).map(\.bytes))
    }
    #expect(error.what.hasPrefix("the extent \(flags) of 'bounded' in module h.3.moe"))
    #expect(error.fix.contains(flags < 0 ? "cannot be negative" : "at most 4"))
  }

  /// The interpreter says the same before and after lowering.
  @Test func theInterpreterReportsTheSame() throws {
    let program = try Program(text: Self.text)
    for program in [program, try program.applying(Program.lowering)] {
      for (n, flags, extent) in [(5.0, 1, 5), (2, 7, 7), (-1, 1, -1)] {
        var interpreter = try Interpreter(program)
        let error = try #require(throws: ExtentError.self) {
          try interpreter.call(.step, inputs(n, flags))
        }
        #expect(error.extent == extent && error.maximum == 4 && error.entry == .step)
        #expect(error.name.hasPrefix(extent == 7 ? "'bounded' in module h.3.moe" : "input 'x'"))
        #expect(interpreter.slots[0].doubles == [0, 0, 0])
      }
    }
  }

  @Test func thePlanSaysWhenExtentsAreKnown() throws {
    let plan = try executor().plan
    let checks = plan.segments[0].checks
    #expect(checks.map(\.check.maximum) == [4, 4])
    #expect(checks[0].instructionCount == 0 && checks[1].instructionCount > 0)
  }
}
