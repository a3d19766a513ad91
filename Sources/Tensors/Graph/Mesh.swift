/// An axis of the mesh of ranks, the slowest first: ranks that differ only in the last axis are
/// neighbours.
package enum MeshAxis: String, Hashable, Codable, CodingKeyRepresentable, Sendable, CaseIterable,
  Comparable
{
  case pipeline
  /// Between the groups of data-parallel ranks, where they form groups.
  case host
  case data, expert, sequence, tensor

  /// The order in the mesh.
  package static func < (x: MeshAxis, y: MeshAxis) -> Bool { x.position < y.position }

  private var position: Int { MeshAxis.allCases.firstIndex(of: self) ?? 0 }
}

/// The ranks of a run as a grid with named axes.
package struct Mesh: Hashable, Codable, Sendable {
  /// The extents of the axes; those of one rank are left out.
  private var extents: [MeshAxis: Int]

  /// Makes a mesh; extents below two stand for an axis that is not there.
  package init(_ extents: [MeshAxis: Int] = [:]) {
    self.extents = extents.filter { $0.value > 1 }
  }

  /// The axes along which there is more than one rank, the slowest first.
  package var axes: [MeshAxis] { extents.keys.sorted() }

  /// The number of ranks along an axis.
  package func extent(_ axis: MeshAxis) -> Int { extents[axis] ?? 1 }

  /// The number of ranks along several axes together.
  package func extent(_ axes: some Sequence<MeshAxis>) -> Int {
    axes.reduce(1) { $0 * extent($1) }
  }

  /// The number of ranks.
  package var rankCount: Int { extent(axes) }

  /// Where a rank is along an axis.
  package func index(of rank: Int, along axis: MeshAxis) -> Int {
    let faster = axes.filter { $0 > axis }
    return rank / extent(faster) % extent(axis)
  }

  /// The ranks that differ from a rank only along some axes, ascending.
  package func group(of rank: Int, along axes: some Collection<MeshAxis>) -> [Int] {
    let others = self.axes.filter { !axes.contains($0) }
    return (0..<rankCount).filter { other in
      others.allSatisfy { index(of: other, along: $0) == index(of: rank, along: $0) }
    }
  }
}
