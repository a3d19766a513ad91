import DeepEPElements
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Bounded dimensions become fixed; masks stand where elements are combined, and nowhere else.
@Suite struct BoundTests {
  private func bounded(_ text: String) throws -> Program {
    try Program(text: text).applying([Bound()])
  }

  @Test func aReductionIsMaskedByItsIdentity() throws {
    let program = try bounded(
      """
      entry step
        argument n : int32[]
        argument x : float32[<=4:%0, 3]
        %0 = input() {"index":0,"type":"int32[]"} : int32[]
        %1 = input() {"index":1,"type":"float32[<=4:%0, 3]"} : float32[<=4:%0, 3]
        %2 = exponential(%1) : float32[<=4:%0, 3]
        %3 = reduce(%2) {"dimensions":[0],"reduction":"maximum"} : float32[3]
        %4 = reduce(%2) {"dimensions":[1],"reduction":"sum"} : float32[<=4:%0]
        return y %3
        return z %4
      """)
    #expect(
      program.description == """
        entry step
          argument n : int32[]
          argument x : float32[4, 3]
          %0 = input() {"index":0,"type":"int32[]"} : int32[]
          %1 = input() {"index":1,"type":"float32[4, 3]"} : float32[4, 3]
          %2 = exponential(%1) : float32[4, 3]
          %3 = iota() {"dimension":0,"type":"int32[4, 3]"} : int32[4, 3]
          %4 = broadcast(%0) {"dimensions":[],"shape":[4,3]} : int32[4, 3]
          %5 = less(%3, %4) : bool[4, 3]
          %6 = constant() {"numbers":["-inf"],"type":"float32[4, 3]"} : float32[4, 3]
          %7 = select(%5, %2, %6) : float32[4, 3]
          %8 = reduce(%7) {"dimensions":[0],"reduction":"maximum"} : float32[3]
          %9 = reduce(%2) {"dimensions":[1],"reduction":"sum"} : float32[4]
          return y %8
          return z %9
          check %0 <= 4 input 'x'

        """)
  }

  @Test func whatIsDeclaredBoundedMovesNothing() throws {
    let program = try bounded(
      """
      entry step
        argument n : int32[]
        argument x : float32[4]
        %0 = input() {"index":0,"type":"int32[]"} : int32[]
        %1 = input() {"index":1,"type":"float32[4]"} : float32[4]
        %2 = bounded(%1) {"dimension":0,"extent":"%0"} : float32[<=4:%0]
        %3 = exponential(%2) : float32[<=4:%0]
        return y %3
      """)
    #expect(
      program.entries[0].graph.nodes.map(\.operation.name) == ["input", "input", "exponential"])
    #expect(program.entries[0].checks.map(\.maximum) == [4])
  }

  @Test func theSmallestMaximumOfAnExtentIsChecked() throws {
    let program = try bounded(
      """
      entry step
        argument n : int32[]
        argument x : float32[<=4:%0]
        argument y : float32[<=3:%0]
        %0 = input() {"index":0,"type":"int32[]"} : int32[]
        %1 = input() {"index":1,"type":"float32[<=4:%0]"} : float32[<=4:%0]
        %2 = input() {"index":2,"type":"float32[<=3:%0]"} : float32[<=3:%0]
        return x %1
        return y %2
      """)
    #expect(program.entries[0].checks.map(\.maximum) == [3])
    #expect(program.entries[0].checks.map(\.name) == ["input 'y'"])
  }

  @Test func theMasksJoinTheRegionThatReduces() throws {
    let program = try Program(
      text: """
        entry step
          argument n : int32[]
          argument x : float32[<=64:%0, 33]
          %0 = input() {"index":0,"type":"int32[]"} : int32[]
          %1 = input() {"index":1,"type":"float32[<=64:%0, 33]"} : float32[<=64:%0, 33]
          %2 = exponential(%1) : float32[<=64:%0, 33]
          %3 = reduce(%2) {"dimensions":[0],"reduction":"sum"} : float32[33]
          return y %3
        """
    ).applying(Program.lowering)
    let names = program.entries[0].graph.nodes.map(\.operation.name)
    #expect(names.sorted() == ["input", "input", "region"])
  }

  @Test func compositesAreExpandedBefore() throws {
    let program = try Program(
      text: """
        entry step
          argument n : int32[]
          argument x : float32[<=4:%0]
          %0 = input() {"index":0,"type":"int32[]"} : int32[]
          %1 = input() {"index":1,"type":"float32[<=4:%0]"} : float32[<=4:%0]
          %2 = softmax(%1) : float32[<=4:%0]
          return y %2
        """)
    #expect(throws: ShapeError.self) { try program.applying([Bound()]) }
    let expanded = try program.applying([Expand(), Bound()])
    #expect(!expanded.entries[0].isBounded)
  }

  @Test func programsWithoutExtentsStayAsTheyAre() throws {
    let text = """
      entry step
        argument x : float32[4]
        %0 = input() {"index":0,"type":"float32[4]"} : float32[4]
        return y %0

      """
    #expect(try bounded(text).description == text)
  }
}
