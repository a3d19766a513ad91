import DeepEPTensors
import DeepEPTransforms
import Testing

/// Programs whose nodes must not all be in one region, since one needs all of another.
@Suite struct FuseDependencyTests {
  @Test func aSumThatOthersAreComputedFromIsWholeBefore() throws {
    let entry = EntryText(
      inputs: ["float64[5, 7]"],
      """
      %1 = reduce(%0) {"dimensions":[0],"reduction":"sum"} : float64[7]
      %2 = broadcast(%1) {"dimensions":[1],"shape":[5, 7]} : float64[5, 7]
      %3 = subtract(%0, %2) : float64[5, 7]
      %4 = multiply(%3, %3) : float64[5, 7]
      %5 = reduce(%4) {"dimensions":[0],"reduction":"sum"} : float64[7]
      return y %5
      """)
    #expect(try entry.after(Fuse(), Order()).operations == ["region", "region"])
  }

  /// `t` needs `v`, `c` needs the product and `v` in one loop, and the product needs `x`: if `x` were
  /// in the loop of `t`, each loop would wait for the other.
  @Test func loopsDoNotWaitForOneAnother() throws {
    let entry = EntryText(
      inputs: ["float64[5, 7]", "float64[7]", "float64[5]"],
      """
      %3 = hyperbolicTangent(%0) : float64[5, 7]
      %4 = hyperbolicTangent(%1) : float64[7]
      %5 = broadcast(%4) {"dimensions":[1],"shape":[5, 7]} : float64[5, 7]
      %6 = add(%3, %5) : float64[5, 7]
      %7 = dot(%2, %3) {"labels":"a,ab->b"} : float64[7]
      %8 = add(%7, %4) : float64[7]
      return t %6
      return c %8
      """)
    _ = try entry.after(Fuse(), Order())
  }

  @Test func aGatheredTableIsWholeBefore() throws {
    let entry = EntryText(
      inputs: ["float64[7]", "int32[7]"],
      """
      %2 = exponential(%0) : float64[7]
      %3 = gather(%2, %1) : float64[7]
      %4 = add(%2, %3) : float64[7]
      return y %4
      """)
    #expect(try entry.after(Fuse(), Order()).operations == ["region", "region"])
  }

  @Test func theResultOfARowIsNotUsedInAnother() throws {
    let entry = EntryText(
      inputs: ["float64[3, 3]"],
      """
      %1 = exponential(%0) : float64[3, 3]
      %2 = reduce(%1) {"dimensions":[1],"reduction":"sum"} : float64[3]
      %3 = broadcast(%2) {"dimensions":[0],"shape":[3, 3]} : float64[3, 3]
      %4 = broadcast(%2) {"dimensions":[1],"shape":[3, 3]} : float64[3, 3]
      %5 = subtract(%1, %3) : float64[3, 3]
      %6 = subtract(%5, %4) : float64[3, 3]
      return y %6
      """)
    #expect(try entry.after(Fuse(), Order()).operations.count > 1)
  }

  @Test func aTransposedValueIsWholeBefore() throws {
    let entry = EntryText(
      inputs: ["float64[4, 4]"],
      """
      %1 = exponential(%0) : float64[4, 4]
      %2 = transpose(%1) {"permutation":[1, 0]} : float64[4, 4]
      %3 = add(%1, %2) : float64[4, 4]
      return y %3
      """)
    #expect(try entry.after(Fuse(), Order()).operations == ["region", "region"])
  }

  @Test(arguments: [[2, 2, 3], [2, 3, 2, 2], [4]]) func rowsOfAnyRankAreScattered(
    _ shape: [Int]
  ) throws {
    let rows = [3] + shape.dropFirst()
    let order = Array((0..<rows.count).reversed())
    let (table, flipped) = ("float64\(shape)", "float64\(Array(rows.reversed()))")
    let entry = EntryText(
      inputs: [table, "int64[3]", flipped],
      """
      %3 = transpose(%2) {"permutation":\(order)} : float64\(rows)
      %4 = scatterAdd(%0, %1, %3) : \(table)
      return y %4
      """)
    #expect(try entry.after(Fuse(), Order()).operations == ["region"])
  }

  @Test func indicesAreNumbersOfAnyType() throws {
    for element in ["float32", "float64", "int64", "int8"] {
      let entry = EntryText(
        """
        %0 = iota() {"dimension":1,"type":"\(element)[3, 5]"} : \(element)[3, 5]
        %1 = constant() {"numbers":[2.5],"type":"\(element)[3, 5]"} : \(element)[3, 5]
        %2 = multiply(%0, %1) : \(element)[3, 5]
        return y %2
        """)
      #expect(try entry.after(Fuse()).operations == ["region"])
    }
  }
}
