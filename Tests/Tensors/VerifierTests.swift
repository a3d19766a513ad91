import DeepEPElements
import DeepEPTensors
import Testing

/// Each rule of the verifier, broken once: the error says where and which.
@Suite struct VerifierTests {
  private static let text = """
    slot w : float32[2] {"axes":[],"initializer":{"constant":{"_0":0}},"isTrainable":true,"kind":"parameter"}
    entry step
      argument x : float32[2]
      argument n : int32[]
      %0 = input() {"index":0,"type":"float32[2]"} : float32[2]
      %1 = input() {"index":1,"type":"int32[]"} : int32[]
      %2 = read() {"slot":0,"type":"float32[2]"} : float32[2]
      %3 = add(%0, %2) after(%1) : float32[2]
      update 0 %3
      return y %3
    """

  private func broken(_ line: String, _ replacement: String) throws -> VerificationError? {
    let lines = Self.text.split(separator: "\n").map { found in
      found.hasPrefix(line) || found.hasPrefix("  " + line) ? replacement : String(found)
    }
    let text = lines.joined(separator: "\n")
    #expect(text != Self.text)
    return #expect(throws: VerificationError.self) { try Program(text: text) }
  }

  @Test func theWholeProgramIsValid() throws {
    #expect(try Program(text: Self.text).entries.count == 1)
  }

  @Test(arguments: [
    ("%3", "%3 = add(%0, %4) : float32[2]", "%3 add", "operand %4 is not made before it"),
    ("%3", "%3 = add(%0, %3) : float32[2]", "%3 add", "operand %3 is not made before it"),
    ("%3", "%3 = add(%0, %2.1) : float32[2]", "%3 add", "operand %2.1 is not made before it"),
    ("%3", "%3 = add(%0, %2) after(%3) : float32[2]", "%3 add", "control %3 is not before it"),
    ("%3", "%3 = add(%0, %2) : float32[3]", "%3 add", "the results should be float32[2]"),
    ("%3", "%3 = add(%0, %1) : float32[2]", "%3 add", "operands must have the same type"),
    ("%3", "%3 = exponential(%0, %2) : float32[2]", "%3 exponential", "expected 1 operands, got 2"),
    ("%3", "%3 = softmax() : float32[2]", "%3 softmax", "expected 1 operands, got 0"),
    (
      "%1", "%1 = input() {\"index\":2,\"type\":\"int32[]\"} : int32[]", "%1 input",
      "the entry has no such input"
    ),
    (
      "%1", "%1 = input() {\"index\":0,\"type\":\"int32[]\"} : int32[]", "%1 input",
      "the entry has no such input"
    ),
    (
      "%2", "%2 = read() {\"slot\":1,\"type\":\"float32[2]\"} : float32[2]", "%2 read",
      "the program has no such slot"
    ),
    (
      "%2", "%2 = read() {\"slot\":0,\"type\":\"float32[3]\"} : float32[3]", "%2 read",
      "the program has no such slot"
    ),
    ("update", "update 1 %3", "update", "slot 1 does not exist"),
    ("update", "update 0 %4", "update", "no value %4"),
    ("update", "update 0 %1", "update", "w is float32[2], not int32[]"),
    ("update", "update 0 %3\nupdate 0 %2", "update", "a slot is written twice"),
    ("return", "return y %7", "return", "no value %7"),
    ("argument n", "argument n : int32[-1]", "argument n", "int32[-1] is no size of memory"),
    (
      "argument n", "argument n : int32[99999999, 99999999, 99999999]", "argument n",
      "int32[99999999, 99999999, 99999999] is no size"
    ),
  ]) func aBrokenRuleIsNamed(_ line: String, _ text: String, _ place: String, _ problem: String)
    throws
  {
    let error = try broken(line, text)
    #expect(error?.place == "entry step, " + place)
    #expect(error?.problem.hasPrefix(problem) ?? false, "\(error?.problem ?? "")")
  }

  @Test func extentsAreEarlierScalars() throws {
    for (extent, isValid) in [("%1", true), ("%0", false), ("%2", false), ("%5", false)] {
      let type = "float32[<=4:\(extent)]"
      let text = """
        entry step
          argument x : float32[2]
          argument n : int32[]
          argument tokens : \(type)
          %0 = input() {"index":0,"type":"float32[2]"} : float32[2]
          %1 = input() {"index":1,"type":"int32[]"} : int32[]
          %2 = input() {"index":2,"type":"\(type)"} : \(type)
        """
      #expect(((try? Program(text: text)) != nil) == isValid, "\(extent)")
    }
  }

  @Test func entriesHaveDifferentNames() {
    #expect(throws: VerificationError.self) { try Program(text: "entry step\nentry step\n") }
  }
}
