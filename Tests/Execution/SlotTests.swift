import DeepEPCompute
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// State across calls: slots are written in place where that is right, and only there.
@Suite struct SlotTests {
  private let device: CPUDevice

  init() throws { device = try CPUDevice(threadCount: 2) }

  /// A program with slots of one type and one entry `step`.
  private func program(_ type: String, slots: Int, _ lines: String) throws -> Program {
    let attributes =
      #"{"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":false,"kind":"statistic"}"#
    let state = (0..<slots).map { "slot s\($0) : \(type) \(attributes)\n" }.joined()
    let reads = (0..<slots).map {
      "%\($0) = read() {\"slot\":\($0),\"type\":\"\(type)\"} : \(type)\n"
    }
    return try Program(text: state + "entry step\n" + reads.joined() + lines)
  }

  /// Runs two calls on the processor and in the interpreter; returns how often slots were copied.
  @discardableResult
  private func check(_ program: Program, location: Testing.SourceLocation = #_sourceLocation) throws
    -> Int
  {
    let slots = program.slots.enumerated().map { index, slot in
      let numbers = (0..<slot.type.elementCount).map { Double(10 * index + $0 + 1) / 8 }
      return HostArray(slot.type.element, slot.type.shape, numbers)
    }
    var interpreter = try Interpreter(program, slots: slots)
    let plan = try Plan(program.applying(Program.lowering), for: device)
    let executor = try Executor(plan, on: device)
    for (slot, value) in zip(program.slots, slots) { try executor.write(value, to: slot.name) }
    for _ in 0..<2 {
      let expected = try interpreter.call(.step)
      try executor.call(.step)
      for (name, value) in expected {
        let found = try executor.result(name, of: .step)
        #expect(value.normwiseError(of: found) < 1e-6, "\(name)", sourceLocation: location)
      }
      for (slot, value) in zip(program.slots, interpreter.slots) {
        let found = try executor.slot(slot.name)
        #expect(value.normwiseError(of: found) < 1e-6, "\(slot.name)", sourceLocation: location)
      }
    }
    return plan.segments[0].instructions.count { $0.kernel == "copy" }
  }

  /// Pages of large arenas are taken in pieces, and what is left over when it is touched.
  @Test func aLargeSlotIsZeroAtFirst() throws {
    let program = try program("uint8[150000001]", slots: 1, "update 0 %0")
    let executor = try Executor(Plan(program.applying(Program.lowering), for: device), on: device)
    try executor.withSlot("s0") { _, bytes in
      #expect(bytes.count == 150_000_001 && bytes.allSatisfy { $0 == 0 })
      for index in stride(from: 0, to: bytes.count, by: 4096) { bytes[index] = 1 }
      #expect(bytes.count { $0 == 1 } == 36_622)
    }
  }

  @Test func twoSlotsAreSwapped() throws {
    try check(program("float32[5]", slots: 2, "update 0 %1\nupdate 1 %0"))
    try check(program("float32[5]", slots: 3, "update 0 %1\nupdate 1 %2\nupdate 2 %0"))
  }

  @Test func oneValueIsWrittenToTwoSlots() throws {
    let lines = "%2 = add(%0, %1) : float32[5]\nupdate 0 %2\nupdate 1 %2\nreturn y %2"
    #expect(try check(program("float32[5]", slots: 2, lines)) == 1)
  }

  @Test func aSquareIsWrittenInPlace() throws {
    let lines = "%1 = multiply(%0, %0) : float32[7]\nupdate 0 %1"
    let copies = try check(program("float32[7]", slots: 1, lines))
    #expect(copies == 0)
  }

  @Test func theOldValueIsReturnedBesideTheNew() throws {
    let lines = "%1 = negate(%0) : float32[7]\nupdate 0 %1\nreturn old %0\nreturn new %1"
    try check(program("float32[7]", slots: 1, lines))
  }

  @Test func aReshapedSlotIsReturnedAsItWas() throws {
    let lines = """
      %1 = reshape(%0) {"shape":[6]} : float32[6]
      %2 = exponential(%0) : float32[2, 3]
      update 0 %2
      return old %1
      """
    try check(program("float32[2, 3]", slots: 1, lines))
  }

  @Test func aTransposedMatrixIsNotWrittenOverItself() throws {
    let lines = """
      %1 = transpose(%0) {"permutation":[1, 0]} : float32[3, 3]
      update 0 %1
      return y %1
      """
    try check(program("float32[3, 3]", slots: 1, lines))
  }

  /// Both loops of a row run inside one parallel step: the second dimension becomes the third.
  @Test func matricesTransposedWithinARowAreNotWrittenOverThemselves() throws {
    let lines = """
      %1 = transpose(%0) {"permutation":[0, 2, 1]} : float32[4, 3, 3]
      %2 = reduce(%1) {"dimensions":[1, 2],"reduction":"sum"} : float32[4]
      %3 = broadcast(%2) {"dimensions":[0],"shape":[4, 3, 3]} : float32[4, 3, 3]
      %4 = divide(%1, %3) : float32[4, 3, 3]
      update 0 %4
      """
    try check(program("float32[4, 3, 3]", slots: 1, lines))
  }

  @Test func rowsGatheredFromASlotAreReadBeforeItIsWritten() throws {
    let lines = """
      %1 = constant() {"numbers":[2, 2, 0],"type":"int32[3]"} : int32[3]
      %2 = gather(%0, %1) : float32[3, 2]
      %3 = add(%0, %2) : float32[3, 2]
      update 0 %3
      return y %2
      """
    try check(program("float32[3, 2]", slots: 1, lines))
  }

  @Test func numbersKnownBeforeAreTheSameInEveryCall() throws {
    let lines = """
      %1 = constant() {"numbers":[1, 2, 3, 4],"type":"float32[4]"} : float32[4]
      %2 = add(%0, %1) : float32[4]
      %3 = exponential(%1) : float32[4]
      update 0 %2
      return y %3
      return c %1
      """
    try check(program("float32[4]", slots: 1, lines))
  }

  @Test func aConstantBecomesTheValueOfASlot() throws {
    let lines = """
      %1 = constant() {"numbers":[1, 2, 3, 4],"type":"float32[4]"} : float32[4]
      %2 = constant() {"numbers":[5],"type":"float32[4]"} : float32[4]
      update 0 %1
      return old %0
      return five %2
      """
    try check(program("float32[4]", slots: 1, lines))
  }

  @Test func aSlotThatKeepsItsValueKeepsIt() throws {
    try check(program("float32[4]", slots: 2, "update 0 %0\nupdate 1 %0\nreturn y %1"))
  }

  @Test func countersCount() throws {
    let lines = """
      %1 = constant() {"numbers":[1],"type":"uint64[]"} : uint64[]
      %2 = add(%0, %1) : uint64[]
      %3 = iota() {"dimension":0,"type":"int64[3]"} : int64[3]
      %4 = random(%0, %3) : uint64[3]
      %5 = random(%2, %3) : uint64[3]
      update 0 %2
      return before %4
      return after %5
      """
    try check(program("uint64[]", slots: 1, lines))
  }
}
