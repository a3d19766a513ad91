import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import Testing

/// Bounded dimensions in types: shape rules carry them, or say what to do; text and verifier know them.
@Suite struct BoundedTests {
  private let trace = Trace(isRoot: true)
  private let n: Tensor
  private let m: Tensor

  init() {
    n = trace.apply(Input(index: 0, type: Type(.int32, [])), [])[0]
    m = trace.apply(Input(index: 1, type: Type(.int32, [])), [])[0]
  }

  private func input(_ type: Type) -> Tensor {
    trace.apply(Input(index: trace.graph.nodes.count, type: type), [])[0]
  }

  private func fixed(_ shape: Int...) -> Tensor { input(Type(.float32, shape)) }

  /// `[<=8:n, 6, <=4:m]`.
  private func value() -> Tensor {
    fixed(8, 6, 4).bounded(along: 0, extent: n).bounded(along: -1, extent: m)
  }

  // MARK: What passes

  @Test func operationsThatKeepADimensionCarryIt() throws {
    let x = value()
    #expect(x.type.description == "float32[<=8:%0, 6, <=4:%1]")
    let rows = input(Type(.int32, [8])).bounded(along: 0, extent: n)
    let found = [
      (x.exponential() + x, "<=8:%0, 6, <=4:%1"),
      (x.compare(.less, x).select(x, x), "<=8:%0, 6, <=4:%1"),
      (x.sum([1]), "<=8:%0, <=4:%1"), (x.mean([0]), "6, <=4:%1"), (x.sum(), ""),
      (x.transposed([2, 0, 1]), "<=4:%1, <=8:%0, 6"), (x.softmax(), "<=8:%0, 6, <=4:%1"),
      (x.reshaped([8, 2, 3, 1, 4]), "<=8:%0, 2, 3, 1, <=4:%1"),
      (x.reshaped([8, 6, 4, 1]), "<=8:%0, 6, <=4:%1, 1"),
      (x.sliced([0, 2, 0], sizes: [8, 3, 4]), "<=8:%0, 3, <=4:%1"),
      (x.dynamicSliced(at: [n], sizes: [2], along: [1]), "<=8:%0, 2, <=4:%1"),
      (x.padded([0, 1, 0], in: [8, 9, 4]), "<=8:%0, 9, <=4:%1"),
      (Tensor.concatenated([x, x], along: 1), "<=8:%0, 12, <=4:%1"),
      (x.einsum("abc,adc->bad", x), "6, <=8:%0, 6"), (x.einsum("abc,abc->ac", x), "<=8:%0, <=4:%1"),
      (x.broadcast(to: [2, 8, 6, 4]), "2, <=8:%0, 6, <=4:%1"),
      (x.sum([1, 2]).alongLast(x.sum([1])), "<=8:%0, <=4:%1"),
      (fixed(5, 3).gather(rows), "<=8:%0, 3"),
      (x.crossEntropy(labels: rows.alongLast(x.sum([2]))), "<=8:%0, 6"),
      (x + fixed(6, 1), "<=8:%0, 6, <=4:%1"), (x.filled(with: 2), "<=8:%0, 6, <=4:%1"),
      (x.indices(along: 1, as: .float32), "<=8:%0, 6, <=4:%1"),
      (x.unbounded(along: 0, filling: 0), "8, 6, <=4:%1"), (x.unbounded(filling: 1), "8, 6, 4"),
      (fixed(3, 2).scatterAdd(rows, fixed(8, 2).bounded(along: 0, extent: n)), "3, 2"),
    ]
    if let error = trace.error { throw error }
    for (tensor, dimensions) in found {
      #expect(tensor.type.description == "float32[\(dimensions)]")
    }
  }

  @Test func tensorsOfOtherTracesBringTheirExtents() throws {
    let count = Tensor([2], shape: []).converted(to: .int32)
    let x = Tensor([1, 2, 3], element: .float32).bounded(along: 0, extent: count)
    let y =
      fixed(2, 3) * x.exponential().filled(with: 2).broadcast(to: [.fixed(2)] + x.type.dimensions)
    _ = y  // The first operand has no extent along the last dimension.
    #expect(trace.error?.problem.contains("share a dimension, but not its extent") == true)
    let other = Trace(isRoot: true)
    let z = other.apply(Constant(type: Type(.float32, [2]), numbers: [1]), [])[0]
    let spread = z.broadcast(to: [2, 3], dimensions: [0])
    let product = spread.bounded(along: 1, extent: count) * x
    let extents = product.type.extents
    #expect(product.type.shape == [2, 3] && extents.count == 1)
    if let error = other.error { throw error }
    #expect(other.graph.nodes[extents[0].node].operation is Convert)
  }

  // MARK: What does not

  @Test func whatCannotKeepADimensionSaysWhatToDo() {
    let cases: [(String, (BoundedTests) -> Tensor)] = [
      ("joined with others", { $0.value().reshaped([48, 4]) }),
      ("neither repeated nor split", { $0.value().reshaped([2, 4, 6, 4]) }),
      ("cannot work along dimension 0", { $0.value().sliced([0, 0, 0], sizes: [3, 6, 4]) }),
      (
        "cannot work along dimension 0",
        { $0.value().dynamicSliced(at: [$0.n], sizes: [2], along: [0]) }
      ),
      ("cannot work along dimension 2", { $0.value().padded([0, 0, 1], in: [8, 6, 5]) }),
      ("cannot work along dimension 0", { .concatenated([$0.value(), $0.value()], along: 0) }),
      ("cannot work along dimension 0", { $0.value().gather($0.input(Type(.int32, [2]))) }),
      ("share a dimension, but not its extent", { $0.value() + $0.fixed(8, 6, 4) }),
      ("share a dimension, but not its extent", { $0.value() + $0.fixed(4) }),
      (
        "share a dimension, but not its extent",
        {
          $0.fixed(8).bounded(along: 0, extent: $0.n) + $0.fixed(8).bounded(along: 0, extent: $0.m)
        }
      ),
      (
        "share a dimension, but not its extent",
        { $0.value().einsum("abc,cd->abd", $0.fixed(4, 2)) }
      ),
      ("no fixed dimension 0", { $0.value().bounded(along: 0, extent: $0.n) }),
      ("no fixed dimension 7", { $0.value().bounded(along: 7, extent: $0.n) }),
      ("no bounded dimension 1", { $0.value().unbounded(along: 1, filling: 0) }),
      ("must be int32[]", { $0.fixed(8).bounded(along: 0, extent: $0.fixed(1)) }),
      ("has no dimension 3", { $0.value().count(along: 3) }),
    ]
    for (problem, body) in cases {
      let test = BoundedTests()
      let result = body(test)
      #expect(result.isPoisoned)
      #expect(test.trace.error?.problem.contains(problem) == true, "\(problem)")
    }
  }

  @Test func aReshapeDoesNotDropABoundedDimensionOfAtMostOne() {
    let x = fixed(1, 3).bounded(along: 0, extent: n)
    #expect(x.reshaped([3]).isPoisoned)
  }

  // MARK: Text and verifier

  private static let text = """
    entry step
      argument n : int32[]
      argument tokens : float32[<=4:%0, 3]
      argument y : float32[4]
      %0 = input() {"index":0,"type":"int32[]"} : int32[]
      %1 = input() {"index":1,"type":"float32[<=4:%0, 3]"} : float32[<=4:%0, 3]
      %2 = input() {"index":2,"type":"float32[4]"} : float32[4]
      %3 = bounded(%2) {"dimension":0,"extent":"%0"} : float32[<=4:%0]
      %4 = broadcast(%3) {"dimensions":[1],"shape":[2,"<=4:%0"]} : float32[2, <=4:%0]
      %5 = unbounded(%4) {"dimension":1,"filling":0} : float32[2, 4]
      %6 = reduce(%1) {"dimensions":[0],"reduction":"sum"} : float32[3]
      return a %5
      return b %6
      check %0 <= 4 input 'tokens' of a batch

    """

  @Test func programsWithExtentsReadWell() throws {
    let program = try Program(text: Self.text)
    #expect(program.description == Self.text)
    #expect(program.entries[0].checks[0].name == "input 'tokens' of a batch")
    let larger = Self.text.replacing("check %0 <= 4", with: "check %0 <= 5")
    #expect(try Program(text: larger).structuralHash != program.structuralHash)
  }

  @Test(arguments: [
    (
      "argument tokens : float32[<=4:%0, 3]", "argument tokens : float32[<=4:%2, 3]",
      "argument tokens"
    ),
    (#""extent":"%0""#, #""extent":"%1""#, "%3 bounded"),
    ("check %0 <= 4", "check %1 <= 4", "check input 'tokens'"),
    ("check %0 <= 4", "check %9 <= 4", "check input 'tokens'"),
    (": float32[2, <=4:%0]", ": float32[2, 4]", "%4 broadcast"),
    (#"[2,"<=4:%0"]} : float32[2, <=4:%0]"#, #"[2,4]} : float32[2, 4]"#, "%4 broadcast"),
  ]) func wrongExtentsAreFound(_ text: String, _ replacement: String, _ place: String) {
    let broken = Self.text.replacing(text, with: replacement)
    #expect(broken != Self.text)
    let error = #expect(throws: VerificationError.self) { try Program(text: broken) }
    #expect(error?.place.contains(place) == true, "\(error?.description ?? "")")
  }

  @Test func slotsHaveNoExtents() {
    let slot = Slot(
      name: "w", type: Type(.float32, dimensions: [.bounded(maximum: 2, extent: Value(node: 0))]),
      initializer: .zeros, kind: .parameter)
    #expect(throws: VerificationError.self) { try Program(slots: [slot]).verify() }
  }

  // MARK: The interpreter

  private func call(_ n: Double) throws -> [String: HostArray] {
    var interpreter = try Interpreter(Program(text: Self.text))
    let tokens = HostArray(.float32, [4, 3], (0..<12).map { $0 < 6 ? Double($0) : .nan })
    let y = HostArray(.float32, [4], [1, 2, 3, 4])
    return try interpreter.call(.step, [HostArray(.int32, [], [n]), tokens, y])
  }

  @Test func theInterpreterSeesTheValidPart() throws {
    let found = try call(2)
    #expect(found["a"]?.doubles == [1, 2, 0, 0, 1, 2, 0, 0])
    #expect(found["b"]?.doubles == [3, 5, 7])
    #expect(try call(0)["b"]?.doubles == [0, 0, 0])
  }

  @Test func whatIsUndefinedIsReturnedAsNotANumber() throws {
    let text = Self.text.replacing("return a %5", with: "return a %4")
    var interpreter = try Interpreter(Program(text: text))
    let arrays = [
      HostArray(.int32, [], [1]), HostArray(.float32, [4, 3], [Double](repeating: 1, count: 12)),
      HostArray(.float32, [4], [1, 2, 3, 4]),
    ]
    let a = try #require(try interpreter.call(.step, arrays)["a"])
    #expect(a.doubles.map(\.isNaN) == [false, true, true, true, false, true, true, true])
  }

  @Test(arguments: [-1.0, 5, 2e9]) func anExtentOutOfRangeIsAnError(_ extent: Double) throws {
    let error = try #require(throws: ExtentError.self) { try call(extent) }
    #expect(error.entry == .step && error.maximum == 4 && error.extent == Int(extent))
    #expect(error.description.contains("the extent \(Int(extent)) of input 'tokens'"))
    #expect(error.description.contains("is not between 0 and 4 (entry 'step')"))
  }
}
