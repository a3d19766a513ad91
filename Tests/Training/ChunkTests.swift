import DeepEPLaws
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Training does not change when logits are computed in chunks, and those of a batch are nowhere.
@Suite struct ChunkTests {
  @Test(arguments: [1, 3, 4, 6, 12, 13])
  func chunksTrainAsTheWholeDoes(_ rowCount: Int) throws {
    let run = try PartitionTests.run(vocabulary: 37)
    let plain = try run.program.applying([Expand(), Simplify()])
    let chunked = try plain.applying([Chunk(rowCount: rowCount)])
    let lowered = try chunked.applying([Rematerialize(), Fuse(), Order()])
    #expect(plain.hasLogits)
    #expect(!chunked.hasLogits && !lowered.hasLogits)
    let expected = try run.alone()
    for program in [chunked, lowered] {
      let found = try MeshRun(program: program, batches: run.batches).alone()
      #expect(expected.differences(from: found, tolerance: 1e-9).isEmpty)
    }
  }

  @Test func narrowResultsStayWhole() throws {
    let program = try PartitionTests.run().program.applying([Expand(), Simplify()])
    #expect(try Chunk(rowCount: 4).apply(program).description == program.description)
  }
}

extension Program {
  /// Whether some value has a number for every prediction of the batch and every token.
  fileprivate var hasLogits: Bool {
    entries.contains { entry in
      entry.graph.nodes.contains { node in
        node.types.contains { $0.element.isFloatingPoint && $0.shape == [4, 6, 37] }
      }
    }
  }
}
