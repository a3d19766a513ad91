import DeepEPElements
import DeepEPModels
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Norms, softmax and cross entropy read and write once what is large.
@Suite struct RowPassTests {
  /// How many regions there are, and how many values of a matrix's size they read and write.
  private struct Traffic: Equatable {
    var regions = 0
    var reads = 0
    var writes = 0
  }

  private static let shape = [40, 96]

  /// What an entry of the model does to a matrix after the transforms.
  private func traffic(
    _ entry: EntryName, parameters: [NamedParameter] = [],
    _ transforms: [any Transform] = [],
    _ body: @escaping (Tensor, Tensor) -> Tensor
  ) throws -> Traffic {
    let inputs = [
      EntryInput(name: "x", type: Type(.float32, Self.shape)),
      EntryInput(name: "labels", type: Type(.int32, [40])),
    ]
    var program = Program()
    try program.trace(.evaluate, inputs: inputs, parameters: parameters) {
      [("y", body($0[0], $0[1]))]
    }
    let lowered = try program.applying(transforms + [Expand(), Simplify(), Fuse()])
    let graph = try #require(lowered.entry(entry)).graph
    var found = Traffic()
    for node in graph.nodes where node.operation is Region {
      found.regions += 1
      found.reads += Set(node.operands).count { graph.type(of: $0).shape == Self.shape }
      found.writes += node.types.count { $0.shape == Self.shape }
    }
    return found
  }

  @Test func normsReadAndWriteOnce() throws {
    let (layer, root) = (LayerNorm(96), RMSNorm(96))
    let once = Traffic(regions: 1, reads: 1, writes: 1)
    #expect(try traffic(.evaluate, parameters: layer.parameters) { x, _ in layer(x) } == once)
    #expect(try traffic(.evaluate, parameters: root.parameters) { x, _ in root(x) } == once)
  }

  @Test func softmaxReadsAndWritesOnce() throws {
    let found = try traffic(.evaluate) { x, _ in x.softmax() }
    #expect(found == Traffic(regions: 1, reads: 1, writes: 1))
  }

  /// Loss and gradient are one pass over the logits.
  @Test func crossEntropyReadsOnceAndWritesItsGradientOnce() throws {
    let found = try traffic(.evaluate) { x, labels in x.crossEntropy(labels: labels) }
    #expect(found == Traffic(regions: 1, reads: 1, writes: 0))
    let logits = Parameter(Self.shape, .zeros)
    let named = [NamedParameter(name: "logits", parameter: logits)]
    let step = try traffic(.step, parameters: named, [Gradient()]) { _, labels in
      logits.tensor.crossEntropy(labels: labels).mean()
    }
    #expect(step.reads == 1 && step.writes == 1, "\(step)")
  }
}
