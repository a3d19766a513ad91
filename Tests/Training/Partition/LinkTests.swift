import DeepEPCommunication
import DeepEPElements
import DeepEPExecution
import DeepEPLaws
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Links decide which collectives a program gets, and never what it computes.
@Suite struct LinkTests {
  private static let strategy = Strategy(data: 2, tensor: 2)
  /// Every message takes long, however short it is.
  private static let distant = Links(Link(latencySeconds: 1e-3, bytesPerSecond: 1e12))
  /// Only bytes take time.
  private static let narrow = Links(Link(latencySeconds: 0, bytesPerSecond: 1e6))

  private static func slow(_ axis: MeshAxis) -> Links {
    Links(distant.usual, along: [axis: Link(latencySeconds: 1e-1, bytesPerSecond: 1e6)])
  }

  /// An entry of an input that is split over data and a parameter that is split over tensor.
  private static func program(_ axes: String, _ lines: String) throws -> Program {
    let parameter =
      #"{"axes":[\#(axes)],"initializer":{"constant":{"_0":1}},"isTrainable":true,"kind":"parameter"}"#
    return try Program(
      text: """
        slot w : float64[4, 8] \(parameter)
        entry step
          argument x : float64[4, 8] {"axes":["batch",null]}
          %0 = input() {"index":0,"type":"float64[4, 8]"} : float64[4, 8]
          %1 = read() {"slot":0,"type":"float64[4, 8]"} : float64[4, 8]
          \(lines)
        """)
  }

  /// The collectives of a rank's program, which computes what one device does.
  private func collectives(
    _ program: Program, _ links: Links, location: Testing.SourceLocation = #_sourceLocation
  ) throws -> [String] {
    let rank = try program.applying([Partition(Self.strategy, links), Simplify()])
    var random = RandomSource(seed: 11)
    let arrays = (0..<2).map { _ in
      HostArray(.float64, [4, 8], (0..<32).map { _ in random.unit() })
    }
    var alone = try Interpreter(program, slots: [arrays[0]])
    let expected = try alone.call(.step, [arrays[1]])["y"]
    let mesh = Self.strategy.mesh
    let input = ShardingRules(Self.strategy).input(program.entries[0].inputs[0])
    let part = Shard(shape: [4, 8], sharding: input, mesh: mesh)
    let found = try LocalGroup.run(rankCount: mesh.rankCount) { communicator in
      let ranks = try RankCommunicators(mesh, communicator)
      let slot = rank.slots[0].shard?.part(of: arrays[0], rank: communicator.rank) ?? arrays[0]
      var interpreter = try Interpreter(rank, slots: [slot], ranks: ranks)
      return try interpreter.call(
        .step, [part.part(of: arrays[1], rank: communicator.rank)])["y"]
    }
    for result in found {
      let error = try #require(result).normwiseError(of: #require(expected))
      #expect(error < 1e-12, sourceLocation: location)
    }
    return rank.entries[0].graph.nodes.compactMap { node in
      (node.operation as? any Collective).map {
        "\($0.name) over \($0.axes.map(\.rawValue).joined(separator: " and "))"
      }
    }
  }

  /// One ring of four blocks exchanges fewer bytes than two rings of two, in more messages.
  @Test func aSumOverTwoAxesIsOneRingOrTwo() throws {
    let program = try Self.program(
      #""hidden","embed""#,
      """
      %2 = dot(%0, %1) {"labels":"be,he->bh"} : float64[4, 4]
      %3 = reduce(%2) {"dimensions":[0, 1],"reduction":"sum"} : float64[]
      return y %3
      """)
    #expect(try collectives(program, Self.narrow) == ["allReduce over data and tensor"])
    #expect(
      try collectives(program, Self.distant) == ["allReduce over data", "allReduce over tensor"])
  }

  /// Both operands split the rows of the sum: the one whose ranks are further apart stays.
  @Test func whatIsBehindSlowLinksStays() throws {
    let program = try Self.program(
      #""hidden","embed""#,
      """
      %2 = add(%0, %1) : float64[4, 8]
      %3 = multiply(%2, %2) : float64[4, 8]
      %4 = reduce(%3) {"dimensions":[0, 1],"reduction":"sum"} : float64[]
      return y %4
      """)
    #expect(
      try collectives(program, Self.slow(.data)) == [
        "allGather over tensor", "allReduce over data",
      ])
    #expect(
      try collectives(program, Self.slow(.tensor)) == [
        "allGather over data", "allReduce over tensor",
      ])
  }
}
