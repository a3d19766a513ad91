import DeepEPTensors
import Testing

/// An axis moves from one factor to another: one exchange, in which a rank sends what it does not keep.
@Suite struct ExchangeTests {
  private typealias State = SplitProgram.State

  @Test func fromAnOuterDimensionToAnInnerOne() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[4, 6]", #"["hidden",null]"#), State("float64[4, 6]", #"[null,"hidden"]"#),
      ], "update 1 %0"
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,2,1,2,3,1]} : float64[1, 2, 1, 2, 3, 1]
      %2 = transpose(%1) {"permutation":[3,0,1,2,4,5]} : float64[2, 1, 2, 1, 3, 1]
      %3 = allToAll(%2) {"axes":["tensor"],"count":2} : float64[2, 1, 2, 1, 3, 1]
      %4 = transpose(%3) {"permutation":[1,0,2,3,4,5]} : float64[1, 2, 2, 1, 3, 1]
      %5 = reshape(%4) {"shape":[4,3]} : float64[4, 3]
      update 1 %5
      """)
  }

  @Test func fromAnInnerDimensionToAnOuterOne() throws {
    try SplitProgram(
      "tensor=4",
      [
        State("float64[4, 3, 8]", #"[null,null,"hidden"]"#),
        State("float64[4, 3, 8]", #"["hidden",null,null]"#),
      ], "update 1 %0"
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,4,1,3,2,1]} : float64[1, 4, 1, 3, 2, 1]
      %2 = transpose(%1) {"permutation":[1,0,2,3,4,5]} : float64[4, 1, 1, 3, 2, 1]
      %3 = allToAll(%2) {"axes":["tensor"],"count":4} : float64[4, 1, 1, 3, 2, 1]
      %4 = transpose(%3) {"permutation":[1,2,3,0,4,5]} : float64[1, 1, 3, 4, 2, 1]
      %5 = reshape(%4) {"shape":[1,3,8]} : float64[1, 3, 8]
      update 1 %5
      """)
  }

  /// The heads of a fused dimension of three times heads times width.
  @Test func betweenAFactorAndADimension() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[4, 12]", #"[null,[{"size":3},{"axis":"heads","size":2},{"size":2}]]"#),
        State("float64[4, 12]", #"["hidden",null]"#),
      ], "update 1 %0"
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,2,2,3,1,2]} : float64[1, 2, 2, 3, 1, 2]
      %2 = transpose(%1) {"permutation":[1,0,2,3,4,5]} : float64[2, 1, 2, 3, 1, 2]
      %3 = allToAll(%2) {"axes":["tensor"],"count":2} : float64[2, 1, 2, 3, 1, 2]
      %4 = transpose(%3) {"permutation":[1,2,3,0,4,5]} : float64[1, 2, 3, 2, 1, 2]
      %5 = reshape(%4) {"shape":[2,12]} : float64[2, 12]
      update 1 %5
      """)
  }

  @Test func betweenFactorsOfOneDimension() throws {
    try SplitProgram(
      "tensor=2",
      [
        State("float64[24]", #"[[{"axis":"hidden","size":4},{"size":3},{"size":2}]]"#),
        State("float64[24]", #"[[{"size":4},{"size":3},{"axis":"hidden","size":2}]]"#),
      ], "update 1 %0"
    ).expect(
      """
      %1 = reshape(%0) {"shape":[1,2,3,2,1,1]} : float64[1, 2, 3, 2, 1, 1]
      %2 = transpose(%1) {"permutation":[3,0,1,2,4,5]} : float64[2, 1, 2, 3, 1, 1]
      %3 = allToAll(%2) {"axes":["tensor"],"count":2} : float64[2, 1, 2, 3, 1, 1]
      %4 = transpose(%3) {"permutation":[1,0,2,3,4,5]} : float64[1, 2, 2, 3, 1, 1]
      %5 = reshape(%4) {"shape":[12]} : float64[12]
      update 1 %5
      """)
  }

  // MARK: Every way, by numbers alone

  /// Splits of a dimension.
  private static let splits: [(dimension: Int, axes: String)] = [
    (0, #"["hidden",null,null]"#), (1, #"[null,"hidden",null]"#), (2, #"[null,null,"hidden"]"#),
    (0, #"[[{"size":2},{"axis":"hidden","size":4}],null,null]"#),
    (2, #"[null,null,[{"size":3},{"axis":"hidden","size":4}]]"#),
  ]

  /// Both orders of dimensions, whole and factored, on two and four ranks, alone and beside another axis
  /// that stays: none needs anything but the exchange.
  @Test(arguments: ["tensor=2", "tensor=4", "data=2,tensor=2"])
  func anyTwoFactorsExchange(_ strategy: String) throws {
    for source in Self.splits {
      for goal in Self.splits where goal.dimension != source.dimension {
        let split = try SplitProgram(
          strategy,
          [State("float64[8, 4, 12]", source.axes), State("float64[8, 4, 12]", goal.axes)],
          "update 1 %0")
        let text = try split.rankText()
        let names = ["allToAll", "allGather", "allReduce", "dynamicSlice"].filter(text.contains)
        #expect(names == ["allToAll"], "\(source) to \(goal)")
        #expect(
          try split.problems(isCompiled: strategy == "tensor=4") == [], "\(source) to \(goal)")
      }
    }
  }

  /// A block of the exchange would be padded, so that all is gathered, and cut.
  @Test func unevenFactorsAreGathered() throws {
    let split = try SplitProgram(
      "tensor=2",
      [
        State("float64[4, 5]", #"["hidden",null]"#), State("float64[4, 5]", #"[null,"hidden"]"#),
      ], "update 1 %0")
    let text = try split.rankText()
    #expect(text.contains("allGather") && text.contains("dynamicSlice"))
    #expect(!text.contains("allToAll"))
    #expect(try split.problems() == [])
  }
}
