import DeepEPTensors
import DeepEPTransforms
import Testing

/// The order in which nodes run: slots are written last, and little memory is in use at once.
@Suite struct OrderTests {
  @Test func aSlotIsWrittenAfterItsOldValueWasRead() throws {
    let entry = EntryText(
      inputs: ["float64[2]"], slots: ["float64[2]"],
      """
      %2 = add(%1, %0) : float64[2]
      %3 = multiply(%1, %0) : float64[2]
      update 0 %2
      return y %3
      """)
    #expect(
      try entry.after(Order()).body == [
        "%2 = multiply(%1, %0) : float64[2]", "%3 = add(%1, %0) after(%2) : float64[2]",
        "update 0 %3", "return y %2",
      ])
  }

  @Test func slotsThatAreSwappedDoNotWaitForOneAnother() throws {
    let entry = EntryText(
      slots: ["float64[2]", "float64[2]"],
      """
      %2 = add(%0, %1) : float64[2]
      update 0 %1
      update 1 %0
      return y %2
      """)
    _ = try entry.after(Order())
  }

  /// Two large values of which each makes a small one: one after the other, never both at once.
  @Test func largeValuesAreUsedUpBeforeTheNextIsMade() throws {
    let entry = EntryText(
      inputs: ["float64[64]"],
      """
      %1 = broadcast(%0) {"dimensions":[1],"shape":[64, 64]} : float64[64, 64]
      %2 = broadcast(%0) {"dimensions":[0],"shape":[64, 64]} : float64[64, 64]
      %3 = reduce(%1) {"dimensions":[0],"reduction":"sum"} : float64[64]
      %4 = reduce(%2) {"dimensions":[0],"reduction":"sum"} : float64[64]
      return x %3
      return y %4
      """)
    #expect(try entry.after(Order()).operations == ["broadcast", "reduce", "broadcast", "reduce"])
  }

  @Test func orderedNodesStayWhereTheyAre() throws {
    let entry = EntryText(
      inputs: ["float64[2]"], slots: ["float64[2]"],
      """
      %2 = add(%1, %0) : float64[2]
      %3 = multiply(%1, %2) : float64[2]
      update 0 %3
      """)
    let once = try entry.after(Order())
    #expect(try Order().apply(once).description == once.description)
  }

  /// Of up to 25 nodes no order has a lower peak, which the sets of nodes that may have run tell.
  @Test func smallGraphsHaveTheBestOrder() throws {
    for seed in 0..<60 as Range<UInt64> {
      let graph = RandomMemoryGraph(seed: seed)
      let program = try graph.program()
      let found = try Order().apply(program).entries[0].graph
      let names = try found.nodes.map { node in try #require(graph.number(of: node)) }
      #expect(graph.peak(of: names) == graph.leastPeak(), "seed \(seed), \(names)")
    }
  }
}
