import DeepEPTensors
import Testing

/// Shapes, flops and partition follow from factors, so factors must say what the shape rules say.
@Suite struct FactorTests {
  @Test func factorsImplyTheShapesOfOperandsAndResults() throws {
    let graph = EveryOperation.program.entries[0].graph
    for node in graph.nodes where !isOpaque(node.operation) {
      let operands = graph.types(of: node.operands)
      let factors = node.operation.factors(operands: operands, results: node.types)
      // A dimension of one that is repeated walks no factor, and has size one then too.
      #expect(factors.operands.map(factors.shape) == operands.map(\.shape), "\(node.operation)")
      #expect(factors.results.map(factors.shape) == node.types.map(\.shape), "\(node.operation)")
    }
  }

  /// Operations with loops of their own inside.
  private func isOpaque(_ operation: any Operation) -> Bool {
    operation is any Composite || operation is Region || operation is Contraction
  }

  @Test func whatNoResultWalksIsReduced() throws {
    let (x, w) = (Type(.float32, [2, 3, 4]), Type(.float32, [4, 5]))
    let dot = try #require(Dot("abc,cd->abd"))
    let types = try dot.resultTypes(of: [x, w])
    let factors = dot.factors(operands: [x, w], results: types)
    #expect(factors.reduced.map { factors.sizes[$0] } == [4])
    #expect(factors.flops == 2 * 2 * 3 * 4 * 5)
  }

  @Test func reshapesSplitAndMergeByFactors() {
    let (x, y) = (Type(.float32, [2, 12, 5]), Type(.float32, [2, 3, 4, 5]))
    let factors = Reshape(shape: y.shape).factors(operands: [x], results: [y])
    #expect(factors.sizes == [2, 3, 4, 5])
    #expect(factors.operands == [[[0], [1, 2], [3]]])
    #expect(factors.results == [[[0], [1], [2], [3]]])
    #expect(factors.whole.isEmpty)
  }

  @Test(arguments: [
    ([2, 3], [2, 1, 3, 1]), ([1, 2, 1, 3], [2, 3]), ([1], []), ([], [1, 1]), ([6], [2, 3]),
    ([2, 6], [3, 4]), ([4, 3, 5], [12, 5]), ([2, 3, 4], [4, 3, 2]), ([0, 3], [3, 0]),
  ]) func factorsOfReshapesImplyBothShapes(_ source: [Int], _ target: [Int]) {
    let (x, y) = (Type(.float32, source), Type(.float32, target))
    let factors = Reshape(shape: target).factors(operands: [x], results: [y])
    #expect(factors.shape(factors.operands[0]) == source)
    #expect(factors.shape(factors.results[0]) == target)
  }

  @Test func dimensionsThatDoNotSplitEvenlyStayWhole() {
    let (x, y) = (Type(.float32, [4, 6]), Type(.float32, [3, 8]))
    let factors = Reshape(shape: y.shape).factors(operands: [x], results: [y])
    #expect(factors.whole == Set(factors.sizes.indices))
  }
}
