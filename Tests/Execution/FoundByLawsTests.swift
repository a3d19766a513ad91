import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Programs that random laws found and shrank, with the numbers that they must return.
@Suite struct FoundByLawsTests {
  struct Found: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String
    let inputs: [HostArray]
    let expected: [Int64]
  }

  private static let programs = [
    Found(
      testDescription: "the largest of Booleans that are all false (seed 54)",
      text: """
        entry step
        argument x : bool[2, 3]
        %0 = input() {"index":0,"type":"bool[2, 3]"} : bool[2, 3]
        %1 = reduce(%0) {"dimensions":[1],"reduction":"maximum"} : bool[2]
        return y %1
        """,
      inputs: [HostArray(.bool, [2, 3], integers: [0, 0, 0, 0, 1, 0])], expected: [0, 1]),
    Found(
      testDescription: "the largest of Booleans over the outer dimension",
      text: """
        entry step
        argument x : bool[2, 3]
        %0 = input() {"index":0,"type":"bool[2, 3]"} : bool[2, 3]
        %1 = reduce(%0) {"dimensions":[0],"reduction":"maximum"} : bool[3]
        return y %1
        """,
      inputs: [HostArray(.bool, [2, 3], integers: [0, 0, 0, 0, 1, 0])], expected: [0, 1, 0]),
    Found(
      testDescription: "integers wrap in a dot as in a sum",
      text: """
        entry step
        argument x : int8[2]
        %0 = input() {"index":0,"type":"int8[2]"} : int8[2]
        %1 = dot(%0, %0) {"labels":"a,a->"} : int8[]
        return y %1
        """,
      inputs: [HostArray(.int8, [2], integers: [100, 3])],
      expected: [Int64(Int8(truncatingIfNeeded: 10009))]),
    Found(
      testDescription: "an index keeps the low bits that its type has",
      text: """
        entry step
        %0 = iota() {"dimension":0,"type":"uint8[258]"} : uint8[258]
        %1 = slice(%0) {"sizes":[3],"starts":[255]} : uint8[3]
        return y %1
        """,
      inputs: [], expected: [255, 0, 1]),
  ]

  @Test(arguments: programs) func theNumbersAreRight(_ found: Found) throws {
    let program = try Program(text: found.text)
    var interpreter = try Interpreter(program)
    #expect(try interpreter.call(.step, found.inputs)["y"]?.integers == found.expected)
    let lowered = try program.applying(Program.lowering)
    var fused = try Interpreter(lowered)
    #expect(try fused.call(.step, found.inputs)["y"]?.integers == found.expected)
    let device = try CPUDevice(threadCount: 2)
    let executor = try Executor(Plan(lowered, for: device), on: device)
    try executor.call(.step, found.inputs.map(\.bytes))
    #expect(try executor.result("y", of: .step).integers == found.expected)
  }
}
