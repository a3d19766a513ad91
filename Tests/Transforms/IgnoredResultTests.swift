import DeepEPTensors
import DeepEPTransforms
import Testing

/// A gradient rule that knows nothing of a result is not silently taken for one that does.
@Suite struct IgnoredResultTests {
  @Test func aLossOfAttentionsLogSumIsRefused() throws {
    let text = """
      slot q : float64[1, 2, 1, 3] {"axes":[],"initializer":{"constant":{"_0":1}},"isTrainable":true,"kind":"parameter"}
      entry evaluate
        %0 = read() {"slot":0,"type":"float64[1, 2, 1, 3]"} : float64[1, 2, 1, 3]
        %1 = attention(%0, %0, %0) {"hasSegments":false,"mask":{"causal":{}},"scale":1} : float64[1, 2, 1, 3]; float64[1, 1, 2]
        %2 = reduce(%1.1) {"dimensions":[0,1,2],"reduction":"sum"} : float64[]
        return loss %2
      """
    let program = try Program(text: text)
    let error = #expect(throws: TraceError.self) { try Gradient().apply(program) }
    #expect(error?.problem.contains("attention") ?? false)
  }
}
