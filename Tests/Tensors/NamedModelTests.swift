import DeepEPModels
import DeepEPTensors
import Testing

/// The catalogue of models.
@Suite struct NamedModelTests {
  /// Nothing is computed, so the largest ones are made too.
  @Test(arguments: NamedModel.allCases) func aModelHasTheWeightsThatAreCounted(_ name: NamedModel) {
    let sizes = name.configuration
    #expect(sizes.mistake == nil)
    let counts = sizes.model().parameters.map(\.parameter.type.elementCount)
    #expect(counts.reduce(0, +) == sizes.parameterCount)
  }

  /// A smaller model has the proportions of the one whose name it has.
  @Test func aLlamaKeepsItsProportions() throws {
    let small = NamedModel.llama3Size8B.configuration.resized(width: 512, heads: 8)
    let sizes = try #require(small as? LlamaConfiguration)
    #expect(sizes.mistake == nil && sizes.headWidth == 64)
    #expect((sizes.hidden, sizes.keyValueHeads) == (14336 / 8, 2))
    let odd = NamedModel.llama3Size8B.configuration.resized(width: 512, heads: 10)
    #expect(odd.mistake?.what == "width 512 does not divide by 10 heads")
  }
}
