import DeepEPTensors
import DeepEPTransforms
import Testing

/// What becomes one region, and what it reads and writes.
@Suite struct FuseTests {
  @Test func aChainOfElementwiseOperationsIsOneLoop() throws {
    let entry = EntryText(
      inputs: ["float64[4, 3]", "float64[4, 3]"],
      """
      %2 = add(%0, %1) : float64[4, 3]
      %3 = exponential(%2) : float64[4, 3]
      %4 = multiply(%3, %0) : float64[4, 3]
      return y %4
      """)
    let program = try entry.after(Fuse())
    #expect(
      program.regions == [
        """
        parallel i0 < 12 {
          r0: float64 = operand0[i0]
          r1: float64 = operand1[i0]
          r2: float64 = add r0, r1
          r3: float64 = exponential r2
          r4: float64 = multiply r3, r0
          result0[i0] = r4
        }
        """
      ])
    #expect(program.operations == ["region"])
  }

  @Test func softmaxIsThreePassesOverARowInOneRegion() throws {
    let entry = EntryText(
      inputs: ["float64[5, 4]"], "%1 = softmax(%0) : float64[5, 4]\nreturn y %1")
    let program = try entry.after(Expand(), Simplify(), Fuse())
    #expect(program.operations == ["region"])
    let region = program.regions.first ?? ""
    #expect(region.hasPrefix("parallel i0 < 5 {"))
    #expect(region.split(separator: "for ").count - 1 == 3)
    // The exponential is found once and waits in scratch memory.
    #expect(region.split(separator: "exponential").count - 1 == 1)
  }

  @Test(arguments: ["1, 4", "1, 1, 4", "3, 1, 1", "1, 1", "1"])
  func softmaxOfDimensionsOfOneIsTheSame(_ shape: String) throws {
    let entry = EntryText(
      inputs: ["float64[\(shape)]"], "%1 = softmax(%0) : float64[\(shape)]\nreturn y %1")
    #expect(try entry.after(Expand(), Simplify(), Fuse()).operations == ["region"])
  }

  @Test func layerNormIsOneRegionWithItsStatistics() throws {
    let entry = EntryText(
      inputs: ["float64[2, 5, 4]", "float64[4]", "float64[4]"],
      """
      %3 = layerNorm(%0, %1, %2) {"epsilon":0.1} : float64[2, 5, 4]; float64[2, 5]; float64[2, 5]
      return y %3
      return mean %3.1
      return scale %3.2
      """)
    let program = try entry.after(Expand(), Simplify(), Fuse())
    #expect(program.operations == ["region"])
    #expect(program.regions[0].hasPrefix("parallel i0 < 10 {"))
    #expect(program.regions[0].contains("result2["))
  }

  @Test func gradientsOfABiasAreSummedDownTheColumns() throws {
    let entry = EntryText(
      inputs: ["float64[6, 32]", "float64[6, 32]"],
      """
      %2 = multiply(%0, %1) : float64[6, 32]
      %3 = reduce(%2) {"dimensions":[0],"reduction":"sum"} : float64[32]
      %4 = reduce(%0) {"dimensions":[0],"reduction":"sum"} : float64[32]
      return weight %3
      return bias %4
      """)
    let program = try entry.after(Fuse())
    #expect(program.operations == ["region"])
    #expect(program.regions[0].contains("scratch1: float64[32]"))
  }

  @Test func contractionsSeeMovementAsStrides() throws {
    let entry = EntryText(
      inputs: ["float64[2, 12]", "float64[3, 4]"],
      """
      %2 = slice(%0) {"sizes":[2, 8],"starts":[0, 4]} : float64[2, 8]
      %3 = reshape(%2) {"shape":[2, 2, 4]} : float64[2, 2, 4]
      %4 = transpose(%3) {"permutation":[1, 0, 2]} : float64[2, 2, 4]
      %5 = dot(%4, %1) {"labels":"abc,dc->abd"} : float64[2, 2, 3]
      return y %5
      """)
    #expect(
      try entry.after(Fuse()).body == [
        #"%2 = contraction(%0, %1) {"dot":{"labels":"abc,dc->abd"},"epilogue":[],"#
          + #""left":{"offset":4,"shape":[2,2,4],"strides":[4,12,1]},"#
          + #""right":{"offset":0,"shape":[3,4],"strides":[4,1]}} : float64[2, 2, 3]"#,
        "return y %2",
      ])
  }

  /// A bias whose sum others need in memory is added by the contraction, and rounded by it.
  @Test func aContractionAddsItsBias() throws {
    let entry = EntryText(
      inputs: ["bfloat16[2, 3, 4]", "bfloat16[4, 6]", "float32[6]", "bfloat16[6, 5]"],
      """
      %4 = dot(%0, %1) {"element":"float32","labels":"abc,cd->abd"} : float32[2, 3, 6]
      %5 = broadcast(%2) {"dimensions":[2],"shape":[2, 3, 6]} : float32[2, 3, 6]
      %6 = add(%4, %5) : float32[2, 3, 6]
      %7 = convert(%6) {"element":"bfloat16"} : bfloat16[2, 3, 6]
      %8 = reshape(%7) {"shape":[6, 6]} : bfloat16[6, 6]
      %9 = dot(%8, %3) {"labels":"ab,bc->ac"} : bfloat16[6, 5]
      return y %9
      """)
    let program = try entry.after(Fuse())
    #expect(program.operations == ["contraction", "contraction"])
    #expect(
      program.body[0].contains(
        #""epilogue":[{"add":{"along":[2]}},{"convert":{"_0":"bfloat16"}}]"#))
    let without = try entry.after(Fuse(.all(but: .epilogue)))
    #expect(without.operations == ["contraction", "region", "contraction"])
  }

  /// Where regions alone use a biased sum, they add the bias while they read the product; a bias of
  /// rows, or a product that others use, is not the contraction's either.
  @Test func biasesThatSaveNoPassStayInRegions() throws {
    let inputs = ["float64[2, 3]", "float64[3, 4]", "float64[4]", "float64[2]"]
    let product = #"%4 = dot(%0, %1) {"labels":"ab,bc->ac"} : float64[2, 4]"# + "\n"
    let row = #"%5 = broadcast(%2) {"dimensions":[1],"shape":[2, 4]} : float64[2, 4]"# + "\n"
    let column = #"%5 = broadcast(%3) {"dimensions":[0],"shape":[2, 4]} : float64[2, 4]"# + "\n"
    let sum = "%6 = add(%4, %5) : float64[2, 4]\n"
    let bodies = [
      row + sum + "%7 = exponential(%6) : float64[2, 4]\nreturn y %7",
      column + sum + "return y %6", row + sum + "return y %6\nreturn z %4",
    ]
    for body in bodies {
      let program = try EntryText(inputs: inputs, product + body).after(Fuse())
      #expect(program.operations == ["contraction", "region"])
      #expect(program.body[0].contains(#""epilogue":[]"#))
    }
  }

  /// What walks the same rows of the same values is one region, unless one waits for the other.
  @Test func siblingsReadWhatTheyShareOnce() throws {
    let inputs = ["float64[4, 3]", "float64[4, 3]"]
    let first = """
      %2 = multiply(%0, %1) : float64[4, 3]

      """
    let siblings = EntryText(
      inputs: inputs,
      first + "%3 = exponential(%0) : float64[4, 3]\nreturn x %2\nreturn y %3")
    #expect(try siblings.after(Fuse()).operations == ["region"])
    let dependent = EntryText(
      inputs: inputs,
      first + """
        %3 = dot(%2, %1) {"labels":"ab,ac->bc"} : float64[3, 3]
        %4 = dot(%2, %3) {"labels":"ab,bc->ac"} : float64[4, 3]
        %5 = add(%0, %4) : float64[4, 3]
        return y %5
        """)
    #expect(
      try dependent.after(Fuse()).operations == ["region", "contraction", "contraction", "region"])
  }

  @Test func cheapProducersAreComputedByEachOfTheirUsers() throws {
    let entry = EntryText(
      inputs: ["float64[4, 3]", "float64[5]"],
      """
      %2 = negate(%0) : float64[4, 3]
      %3 = reduce(%2) {"dimensions":[0],"reduction":"sum"} : float64[3]
      %4 = exponential(%2) : float64[4, 3]
      return sums %3
      return y %4
      """)
    let program = try entry.after(Fuse())
    #expect(program.operations == ["region", "region"])
    #expect(program.regions.allSatisfy { $0.contains("negate") })
  }

  @Test func everythingElseStaysInMemory() throws {
    let entry = EntryText(
      inputs: ["float64[2, 3]"],
      """
      %1 = constant() {"numbers":[1, 2, 3, 4, 5, 6],"type":"float64[2, 3]"} : float64[2, 3]
      %2 = add(%0, %1) : float64[2, 3]
      %3 = reshape(%2) {"shape":[6]} : float64[6]
      return y %3
      return c %1
      """)
    #expect(try entry.after(Fuse()).operations == ["constant", "region", "reshape"])
  }

  /// A box is read where it is used; only where it lies is found when the program runs.
  @Test func aDynamicSliceIsPartOfTheLoopThatUsesIt() throws {
    let entry = EntryText(
      inputs: ["float64[6, 4]", "int32[]", "float64[2, 4]"],
      """
      %3 = dynamicSlice(%0, %1) {"dimensions":[0],"sizes":[2]} : float64[2, 4]
      %4 = add(%3, %2) : float64[2, 4]
      return y %4
      """)
    #expect(
      try entry.after(Fuse()).regions == [
        """
        parallel i0 < 8 {
          r0: int32 = operand0[0]
          r1: float64 = operand1[i0 + 4·r0]
          r2: float64 = operand2[i0]
          r3: float64 = add r1, r2
          result0[i0] = r3
        }
        """
      ])
  }

  /// Neither what is sliced nor what is updated is copied because of a reshape.
  @Test func boxesOfReshapedValuesAreNotCopiedFirst() throws {
    let entry = EntryText(
      inputs: ["float64[6, 4]", "int32[]", "float64[1, 2, 4]"],
      """
      %3 = reshape(%0) {"shape":[3, 2, 4]} : float64[3, 2, 4]
      %4 = dynamicSlice(%3, %1) {"dimensions":[0],"sizes":[1]} : float64[1, 2, 4]
      %5 = dynamicUpdateSlice(%3, %2, %1) {"dimensions":[0]} : float64[3, 2, 4]
      return box %4
      return whole %5
      """)
    let program = try entry.after(Fuse())
    #expect(program.operations.sorted() == ["region", "region", "reshape"])
  }
}
