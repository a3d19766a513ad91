import DeepEPTensors
import DeepEPTransforms
import Testing

/// Each rule of ``Simplify``: what is written, and what is left.
@Suite struct SimplifyTests {
  @Test(arguments: [
    (
      "elements are moved before they are widened",
      """
      %2 = convert(%0) {"element":"float32"} : float32[2, 3]
      %3 = convert(%2) {"element":"float64"} : float64[2, 3]
      %4 = reshape(%3) {"shape":[3, 2]} : float64[3, 2]
      %5 = concatenate(%4, %4) {"dimension":0} : float64[6, 2]
      %6 = convert(%5) {"element":"float32"} : float32[6, 2]
      return y %6
      """,
      [
        #"%1 = convert(%0) {"element":"float32"} : float32[2, 3]"#,
        #"%2 = reshape(%1) {"shape":[3,2]} : float32[3, 2]"#,
        #"%3 = concatenate(%2, %2) {"dimension":0} : float32[6, 2]"#, "return y %3",
      ]
    ),
    (
      "what happens twice happens once",
      "%2 = add(%0, %1) : float64[2, 3]\n%3 = add(%0, %1) : float64[2, 3]\n%4 = multiply(%2, %3) : float64[2, 3]\nreturn y %4",
      ["%2 = add(%0, %1) : float64[2, 3]", "%3 = multiply(%2, %2) : float64[2, 3]", "return y %3"]
    ),
    (
      "a node after another stays apart",
      "%2 = add(%0, %1) : float64[2, 3]\n%3 = add(%0, %1) after(%2) : float64[2, 3]\n%4 = multiply(%2, %3) : float64[2, 3]\nreturn y %4",
      [
        "%2 = add(%0, %1) : float64[2, 3]", "%3 = add(%0, %1) after(%2) : float64[2, 3]",
        "%4 = multiply(%2, %3) : float64[2, 3]", "return y %4",
      ]
    ),
    (
      "what nobody needs goes",
      "%2 = exponential(%0) : float64[2, 3]\n%3 = negate(%1) : float64[2, 3]\nreturn x %0\nreturn y %3",
      ["%2 = negate(%1) : float64[2, 3]", "return x %0", "return y %2"]
    ),
    (
      "two negations",
      "%2 = negate(%0) : float64[2, 3]\n%3 = negate(%2) : float64[2, 3]\n%4 = add(%3, %1) : float64[2, 3]\nreturn y %4",
      ["%2 = add(%0, %1) : float64[2, 3]", "return y %2"]
    ),
    (
      "nothing added, taken away, multiplied, divided",
      """
      %2 = constant() {"numbers":[0],"type":"float64[2, 3]"} : float64[2, 3]
      %3 = constant() {"numbers":[1],"type":"float64[2, 3]"} : float64[2, 3]
      %4 = add(%2, %0) : float64[2, 3]
      %5 = subtract(%4, %2) : float64[2, 3]
      %6 = multiply(%3, %5) : float64[2, 3]
      %7 = divide(%6, %3) : float64[2, 3]
      %8 = multiply(%7, %1) : float64[2, 3]
      return y %8
      """, ["%2 = multiply(%0, %1) : float64[2, 3]", "return y %2"]
    ),
    (
      "numbers minus something stay",
      """
      %2 = constant() {"numbers":[0],"type":"float64[2, 3]"} : float64[2, 3]
      %3 = subtract(%2, %0) : float64[2, 3]
      %4 = add(%3, %1) : float64[2, 3]
      return y %4
      """,
      [
        #"%2 = constant() {"numbers":[0],"type":"float64[2, 3]"} : float64[2, 3]"#,
        "%3 = subtract(%2, %0) : float64[2, 3]", "%4 = add(%3, %1) : float64[2, 3]", "return y %4",
      ]
    ),
    (
      "arithmetic on constants",
      """
      %2 = constant() {"numbers":[3],"type":"float64[]"} : float64[]
      %3 = exponential(%2) : float64[]
      %4 = multiply(%2, %2) : float64[]
      %5 = broadcast(%4) {"dimensions":[],"shape":[2, 3]} : float64[2, 3]
      %6 = multiply(%5, %0) : float64[2, 3]
      %7 = add(%6, %1) : float64[2, 3]
      return y %7
      """,
      [
        #"%2 = constant() {"numbers":[9],"type":"float64[2, 3]"} : float64[2, 3]"#,
        "%3 = multiply(%2, %0) : float64[2, 3]", "%4 = add(%3, %1) : float64[2, 3]", "return y %4",
      ]
    ),
    (
      "movement that cancels",
      """
      %2 = transpose(%0) {"permutation":[1, 0]} : float64[3, 2]
      %3 = transpose(%2) {"permutation":[1, 0]} : float64[2, 3]
      %4 = reshape(%3) {"shape":[6]} : float64[6]
      %5 = reshape(%4) {"shape":[2, 3]} : float64[2, 3]
      %6 = slice(%5) {"sizes":[2, 3],"starts":[0, 0]} : float64[2, 3]
      %7 = add(%6, %1) : float64[2, 3]
      return y %7
      """, ["%2 = add(%0, %1) : float64[2, 3]", "return y %2"]
    ),
    (
      "a product that transposes by itself",
      """
      %2 = transpose(%1) {"permutation":[1, 0]} : float64[3, 2]
      %3 = dot(%0, %2) {"labels":"ab,bc->ac"} : float64[2, 2]
      %4 = transpose(%3) {"permutation":[1, 0]} : float64[2, 2]
      return y %4
      """, [#"%2 = dot(%0, %1) {"labels":"ab,cb->ca"} : float64[2, 2]"#, "return y %2"]
    ),
    (
      "two halves in zeros are one whole",
      """
      %2 = pad(%1) {"shape":[4, 3],"starts":[2, 0]} : float64[4, 3]
      %3 = pad(%0) {"shape":[4, 3],"starts":[0, 0]} : float64[4, 3]
      %4 = add(%2, %3) : float64[4, 3]
      return y %4
      """, [#"%2 = concatenate(%0, %1) {"dimension":0} : float64[4, 3]"#, "return y %2"]
    ),
  ]) func aRuleLeaves(_ name: String, _ text: String, _ expected: [String]) throws {
    let entry = EntryText(inputs: ["float64[2, 3]", "float64[2, 3]"], text)
    let found = try entry.after(Simplify()).body
    #expect(found == expected, "\(name)")
  }

  @Test func rowsScatteredIntoZerosAreScatteredIntoTheSum() throws {
    let entry = EntryText(
      inputs: ["float64[4, 3]", "int32[2]", "float64[2, 3]"],
      """
      %3 = constant() {"numbers":[0],"type":"float64[4, 3]"} : float64[4, 3]
      %4 = scatterAdd(%3, %1, %2) : float64[4, 3]
      %5 = add(%0, %4) : float64[4, 3]
      return y %5
      """)
    #expect(
      try entry.after(Simplify()).body == [
        "%3 = scatterAdd(%0, %1, %2) : float64[4, 3]", "return y %3",
      ])
  }
}
