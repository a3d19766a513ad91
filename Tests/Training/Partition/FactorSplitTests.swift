import DeepEPTensors
import Testing

/// Which of the splits that operands offer an operation takes, as text, and on threads against one rank.
@Suite struct FactorSplitTests {
  private typealias State = SplitProgram.State

  /// Of two that weigh the same the first, and the other operand is brought to it.
  @Test func anAxisSplitsOneFactorOnly() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[4, 2]", #"["hidden",null]"#), State("float64[4, 2]", #"[null,"hidden"]"#),
      ], "%2 = add(%0, %1) : float64[4, 2]", "update 0 %2"
    ).expect(
      """
      %2 = reshape(%1) {"shape":[1,2,2,1,1,1]} : float64[1, 2, 2, 1, 1, 1]
      %3 = transpose(%2) {"permutation":[1,0,2,3,4,5]} : float64[2, 1, 2, 1, 1, 1]
      %4 = allToAll(%3) {"axes":["tensor"],"count":2} : float64[2, 1, 2, 1, 1, 1]
      %5 = transpose(%4) {"permutation":[1,2,3,0,4,5]} : float64[1, 2, 1, 2, 1, 1]
      %6 = reshape(%5) {"shape":[2,2]} : float64[2, 2]
      %7 = add(%0, %6) : float64[2, 2]
      update 0 %7
      """)
  }

  @Test func theHeavierSplitWins() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[2, 4]", #"["hidden",null]"#), State("float64[4, 8]", #"[null,"hidden"]"#),
        State("float64[2, 8]", #"[null,"hidden"]"#),
      ], #"%3 = dot(%0, %1) {"labels":"ab,bc->ac"} : float64[2, 8]"#, "update 2 %3"
    ).expect(
      """
      %2 = reshape(%0) {"shape":[1,1,4]} : float64[1, 1, 4]
      %3 = allGather(%2) {"axes":["tensor"],"count":2,"dimension":1} : float64[1, 2, 4]
      %4 = reshape(%3) {"shape":[2,4]} : float64[2, 4]
      %5 = dot(%4, %1) {"labels":"ab,bc->ac"} : float64[2, 4]
      update 2 %5
      """)
  }

  @Test func aContractedFactorLeavesASumOwed() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[2, 4]", #"[null,"hidden"]"#), State("float64[4, 3]", #"["hidden",null]"#),
      ], #"%2 = dot(%0, %1) {"labels":"ab,bc->ac"} : float64[2, 3]"#, "return y %2"
    ).expect(
      """
      %2 = dot(%0, %1) {"labels":"ab,bc->ac"} : float64[2, 3]
      %3 = allReduce(%2) {"axes":["tensor"],"reduction":"sum"} : float64[2, 3]
      return y %3
      """)
  }

  /// What is owed is added once, behind operations that are linear.
  @Test func sumsThatAreOwedTravel() throws {
    try SplitProgram(
      "tensor=2",
      [State("float64[2, 4]", #"[null,"hidden"]"#), State("float64[4]", #"["hidden"]"#)],
      #"%2 = dot(%0, %1) {"labels":"ab,b->a"} : float64[2]"#, "%3 = negate(%2) : float64[2]",
      #"%4 = reduce(%3) {"dimensions":[0],"reduction":"sum"} : float64[]"#, "return y %4"
    ).expect(
      """
      %2 = dot(%0, %1) {"labels":"ab,b->a"} : float64[2]
      %3 = negate(%2) : float64[2]
      %4 = reduce(%3) {"dimensions":[0],"reduction":"sum"} : float64[]
      %5 = allReduce(%4) {"axes":["tensor"],"reduction":"sum"} : float64[]
      return y %5
      """)
  }

  /// Padding that a reduction would see is made neutral first.
  @Test func paddingIsMaskedBeforeItIsReduced() throws {
    try SplitProgram(
      "tensor=2", [State("float64[3]", #"["hidden"]"#)],
      #"%1 = reduce(%0) {"dimensions":[0],"reduction":"maximum"} : float64[]"#, "return y %1"
    ).expect(
      """
      %1 = constant() {"numbers":[3],"type":"int32[]"} : int32[]
      %2 = meshIndex() {"axis":"tensor"} : int32[]
      %3 = constant() {"numbers":[2],"type":"int32[]"} : int32[]
      %4 = multiply(%2, %3) : int32[]
      %5 = subtract(%1, %4) : int32[]
      %6 = constant() {"numbers":[0],"type":"int32[]"} : int32[]
      %7 = maximum(%5, %6) : int32[]
      %8 = constant() {"numbers":[2],"type":"int32[]"} : int32[]
      %9 = minimum(%7, %8) : int32[]
      %10 = iota() {"dimension":0,"type":"int32[2]"} : int32[2]
      %11 = broadcast(%9) {"dimensions":[],"shape":[2]} : int32[2]
      %12 = less(%10, %11) : bool[2]
      %13 = constant() {"numbers":["-inf"],"type":"float64[2]"} : float64[2]
      %14 = select(%12, %0, %13) : float64[2]
      %15 = reduce(%14) {"dimensions":[0],"reduction":"maximum"} : float64[]
      %16 = allReduce(%15) {"axes":["tensor"],"reduction":"maximum"} : float64[]
      return y %16
      """)
  }

  /// A split by a rule that gives way to others, of the sequence, gives way to a lighter one.
  @Test func aWeakSplitGivesWay() throws {
    try SplitProgram(
      "tensor=2,sequence-parallel",
      [State("float64[8, 2]", "[]", .counter), State("float64[2, 4]", #"[null,"hidden"]"#)],
      #"%2 = named(%0) {"axes":["sequence",null],"role":"activation"} : float64[8, 2]"#,
      "%3 = sine(%2) : float64[8, 2]",
      #"%4 = dot(%3, %1) {"labels":"ab,bc->ac"} : float64[8, 4]"#,
      "%5 = sine(%4) : float64[8, 4]", "return y %5"
    ).expect(
      """
      %2 = reshape(%0) {"shape":[1,8,2]} : float64[1, 8, 2]
      %3 = meshIndex() {"axis":"tensor"} : int32[]
      %4 = constant() {"numbers":[4],"type":"int32[]"} : int32[]
      %5 = multiply(%3, %4) : int32[]
      %6 = dynamicSlice(%2, %5) {"dimensions":[1],"sizes":[4]} : float64[1, 4, 2]
      %7 = reshape(%6) {"shape":[4,2]} : float64[4, 2]
      %8 = sine(%7) : float64[4, 2]
      %9 = reshape(%8) {"shape":[1,4,2]} : float64[1, 4, 2]
      %10 = allGather(%9) {"axes":["tensor"],"count":2,"dimension":1} : float64[1, 8, 2]
      %11 = reshape(%10) {"shape":[8,2]} : float64[8, 2]
      %12 = dot(%11, %1) {"labels":"ab,bc->ac"} : float64[8, 2]
      %13 = sine(%12) : float64[8, 2]
      %14 = reshape(%13) {"shape":[8,2,1]} : float64[8, 2, 1]
      %15 = allGather(%14) {"axes":["tensor"],"count":2,"dimension":1} : float64[8, 4, 1]
      %16 = reshape(%15) {"shape":[8,4]} : float64[8, 4]
      return y %16
      """)
  }

  /// A rank looks up the rows that it has; the sum over the ranks is the row.
  @Test func rowsAreLookedUpWhereTheyAre() throws {
    try SplitProgram(
      "tensor=2",
      [State("float64[4, 3]", #"["vocabulary",null]"#), State("int32[2]", "[]", .counter)],
      "%2 = gather(%0, %1) : float64[2, 3]", "return y %2"
    ).expect(
      """
      %2 = convert(%1) {"element":"int64"} : int64[2]
      %3 = constant() {"numbers":[3],"type":"int64[2]"} : int64[2]
      %4 = constant() {"numbers":[0],"type":"int64[2]"} : int64[2]
      %5 = maximum(%2, %4) : int64[2]
      %6 = minimum(%5, %3) : int64[2]
      %7 = meshIndex() {"axis":"tensor"} : int32[]
      %8 = convert(%7) {"element":"int64"} : int64[]
      %9 = constant() {"numbers":[2],"type":"int64[]"} : int64[]
      %10 = multiply(%8, %9) : int64[]
      %11 = broadcast(%10) {"dimensions":[],"shape":[2]} : int64[2]
      %12 = subtract(%6, %11) : int64[2]
      %13 = constant() {"numbers":[0],"type":"int64[2]"} : int64[2]
      %14 = greaterOrEqual(%12, %13) : bool[2]
      %15 = constant() {"numbers":[2],"type":"int64[2]"} : int64[2]
      %16 = less(%12, %15) : bool[2]
      %17 = and(%14, %16) : bool[2]
      %18 = gather(%0, %12) : float64[2, 3]
      %19 = broadcast(%17) {"dimensions":[0],"shape":[2,3]} : bool[2, 3]
      %20 = constant() {"numbers":[0],"type":"float64[2, 3]"} : float64[2, 3]
      %21 = select(%19, %18, %20) : float64[2, 3]
      %22 = allReduce(%21) {"axes":["tensor"],"reduction":"sum"} : float64[2, 3]
      return y %22
      """)
  }
}
