import DeepEPTensors

/// What it costs to send to a neighbour on one level of a machine.
package struct Link: Hashable, Codable, Sendable {
  /// The time that a message takes however short it is.
  package var latencySeconds: Double
  /// Bytes per second, in one direction.
  package var bytesPerSecond: Double

  /// Describes a link.
  package init(latencySeconds: Double, bytesPerSecond: Double) {
    self.latencySeconds = latencySeconds
    self.bytesPerSecond = bytesPerSecond
  }
}

/// A way in which ranks exchange what they have.
package enum Exchange: String, Hashable, Sendable, CaseIterable {
  case allReduce = "all-reduce"
  case reduceScatter = "reduce-scatter"
  case allGather = "all-gather"
  case allToAll = "all-to-all"

  /// How often the blocks travel around the ring.
  package var turns: Int { self == .allReduce ? 2 : 1 }
}

/// How the ranks of a mesh reach one another.
package struct Links: Hashable, Codable, Sendable {
  /// The link along every axis that has none of its own.
  package var usual: Link
  /// The links along single axes, such as those inside of a node.
  package var along: [MeshAxis: Link]
  /// Whether they carry bytes beside the processor: then what computes need not wait for what is exchanged.
  package var workBeside: Bool

  /// Describes links.
  package init(_ usual: Link, along: [MeshAxis: Link] = [:], workBeside: Bool = false) {
    self.usual = usual
    self.along = along
    self.workBeside = workBeside
  }

  /// A network of 10 Gbit/s.
  package static let network = Links(
    Link(latencySeconds: 30e-6, bytesPerSecond: 1.25e9), workBeside: true)

  /// How long an exchange takes.
  ///
  /// Rings: ranks send a block of `1/n` to their neighbour `n - 1` times, and twice as often to reduce
  /// for all (Patarasuk, Yuan: Bandwidth Optimal All-reduce Algorithms, 2009). Over several axes there
  /// is one ring.
  ///
  /// - Parameters:
  ///   - byteCount: The bytes of the operand or the result on a rank, whichever is larger.
  ///   - axes: The axes along which the ranks differ.
  package func seconds(
    _ exchange: Exchange, byteCount: Int, over axes: some Sequence<MeshAxis>, of mesh: Mesh
  ) -> Double {
    let count = mesh.extent(axes)
    let link = slowest(axes)
    let blockSeconds = link.latencySeconds + Double(byteCount) / Double(count) / link.bytesPerSecond
    return Double(exchange.turns * (count - 1)) * blockSeconds
  }

  /// The bytes of each exchange into which all gradients are best put.
  ///
  /// With exchanges of `b` bytes, all `B` bytes pay `B / b` latencies; and the last exchange, which nothing hides,
  /// takes as long as `b` bytes do. The sum of both is least where `b` is the root of `B` times the bytes that a link
  /// carries during its latency, times the number of ranks.
  package func bucketBytes(
    of byteCount: Int, over axes: some Sequence<MeshAxis>, of mesh: Mesh
  ) -> Int {
    let (link, count) = (slowest(axes), mesh.extent(axes))
    let latencyBytes = link.latencySeconds * link.bytesPerSecond
    return Int((Double(byteCount) * Double(count) * latencyBytes).squareRoot())
  }

  /// A ring over several axes is as slow as the slowest link in it.
  private func slowest(_ axes: some Sequence<MeshAxis>) -> Link {
    let links = axes.map { along[$0] ?? usual }
    return Link(
      latencySeconds: links.map(\.latencySeconds).max() ?? 0,
      bytesPerSecond: links.map(\.bytesPerSecond).min() ?? usual.bytesPerSecond)
  }
}
