import DeepEPTensors
import Testing

/// Each step from one sharding to another, as text, and on threads against one rank.
@Suite struct ReshardingTests {
  private typealias State = SplitProgram.State
  private let move = "update 1 %0"

  @Test func whatIsSplitIsGathered() throws {
    try SplitProgram("tensor=2", [State("float64[3, 4]", #"[null,"hidden"]"#)], "return y %0")
      .expect(
        """
        %1 = reshape(%0) {"shape":[3,2,1]} : float64[3, 2, 1]
        %2 = allGather(%1) {"axes":["tensor"],"count":2,"dimension":1} : float64[3, 4, 1]
        %3 = reshape(%2) {"shape":[3,4]} : float64[3, 4]
        return y %3
        """)
  }

  @Test func paddingIsCutOffAfterAGather() throws {
    try SplitProgram("tensor=2", [State("float64[5]", #"["hidden"]"#)], "return y %0").expect(
      """
      %1 = reshape(%0) {"shape":[1,3,1]} : float64[1, 3, 1]
      %2 = allGather(%1) {"axes":["tensor"],"count":2,"dimension":1} : float64[1, 6, 1]
      %3 = slice(%2) {"sizes":[1,5,1],"starts":[0,0,0]} : float64[1, 5, 1]
      %4 = reshape(%3) {"shape":[5]} : float64[5]
      return y %4
      """)
  }

  @Test func whatIsOwedIsAdded() throws {
    try SplitProgram("data=2", [State("float64[3]", "[null]", .accumulator)], "return y %0").expect(
      """
      %1 = allReduce(%0) {"axes":["data"],"reduction":"sum"} : float64[3]
      return y %1
      """)
  }

  @Test func whatIsOwedAndSplitIsScattered() throws {
    try SplitProgram(
      "data=2,zero=1",
      [State("float64[3, 4]", "[]", .accumulator), State("float64[3, 4]", "[]", .optimizer)],
      move
    ).expect(
      """
      %1 = reshape(%0) {"shape":[3,4,1]} : float64[3, 4, 1]
      %2 = reduceScatter(%1) {"axes":["data"],"count":2,"dimension":1,"reduction":"sum"} : float64[3, 2, 1]
      %3 = reshape(%2) {"shape":[3,2]} : float64[3, 2]
      update 1 %3
      """)
  }

  @Test func aScatterOfAnUnevenDimensionIsPadded() throws {
    try SplitProgram(
      "data=2,zero=1",
      [State("float64[3]", "[]", .accumulator), State("float64[3]", "[]", .optimizer)], move
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,3,1]} : float64[1, 3, 1]
      %2 = pad(%1) {"shape":[1,4,1],"starts":[0,0,0]} : float64[1, 4, 1]
      %3 = reduceScatter(%2) {"axes":["data"],"count":2,"dimension":1,"reduction":"sum"} : float64[1, 2, 1]
      %4 = reshape(%3) {"shape":[2]} : float64[2]
      update 1 %4
      """)
  }

  @Test func ofAWholeARankTakesItsBlock() throws {
    try SplitProgram(
      "tensor=2",
      [State("float64[2, 4]", "[]", .counter), State("float64[2, 4]", #"[null,"hidden"]"#)], move
    ).expect(
      """
      %1 = reshape(%0) {"shape":[2,4,1]} : float64[2, 4, 1]
      %2 = meshIndex() {"axis":"tensor"} : int32[]
      %3 = constant() {"numbers":[2],"type":"int32[]"} : int32[]
      %4 = multiply(%2, %3) : int32[]
      %5 = dynamicSlice(%1, %4) {"dimensions":[1],"sizes":[2]} : float64[2, 2, 1]
      %6 = reshape(%5) {"shape":[2,2]} : float64[2, 2]
      update 1 %6
      """)
  }

  @Test func anUnevenWholeIsPaddedBeforeItIsCut() throws {
    try SplitProgram(
      "tensor=2", [State("float64[3]", "[]", .counter), State("float64[3]", #"["hidden"]"#)],
      move
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,3,1]} : float64[1, 3, 1]
      %2 = pad(%1) {"shape":[1,4,1],"starts":[0,0,0]} : float64[1, 4, 1]
      %3 = meshIndex() {"axis":"tensor"} : int32[]
      %4 = constant() {"numbers":[2],"type":"int32[]"} : int32[]
      %5 = multiply(%3, %4) : int32[]
      %6 = dynamicSlice(%2, %5) {"dimensions":[1],"sizes":[2]} : float64[1, 2, 1]
      %7 = reshape(%6) {"shape":[2]} : float64[2]
      update 1 %7
      """)
  }

  @Test func aSumThatIsOwedIsKeptOnTheFirst() throws {
    try SplitProgram(
      "data=2", [State("float64[3]", "[]", .counter), State("float64[3]", "[]", .accumulator)],
      move
    ).expect(
      """
      %1 = constant() {"numbers":[0],"type":"int32[]"} : int32[]
      %2 = meshIndex() {"axis":"data"} : int32[]
      %3 = add(%1, %2) : int32[]
      %4 = constant() {"numbers":[0],"type":"int32[]"} : int32[]
      %5 = equal(%3, %4) : bool[]
      %6 = broadcast(%5) {"dimensions":[],"shape":[3]} : bool[3]
      %7 = constant() {"numbers":[0],"type":"float64[3]"} : float64[3]
      %8 = select(%6, %0, %7) : float64[3]
      update 1 %8
      """)
  }

  /// Neither is a split of the other's factors, so all is gathered in between.
  @Test func factorsThatDoNotMatchMeetWhole() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[6]", #"[[{"axis":"heads","size":2},{"size":3}]]"#),
        State("float64[6]", #"[[{"size":3},{"axis":"heads","size":2}]]"#),
      ], move
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,1,3]} : float64[1, 1, 3]
      %2 = allGather(%1) {"axes":["tensor"],"count":2,"dimension":1} : float64[1, 2, 3]
      %3 = reshape(%2) {"shape":[6]} : float64[6]
      %4 = reshape(%3) {"shape":[3,2,1]} : float64[3, 2, 1]
      %5 = meshIndex() {"axis":"tensor"} : int32[]
      %6 = constant() {"numbers":[1],"type":"int32[]"} : int32[]
      %7 = multiply(%5, %6) : int32[]
      %8 = dynamicSlice(%4, %7) {"dimensions":[1],"sizes":[1]} : float64[3, 1, 1]
      %9 = reshape(%8) {"shape":[3]} : float64[3]
      update 1 %9
      """)
  }
}
