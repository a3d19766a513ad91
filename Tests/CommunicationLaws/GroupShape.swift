import DeepEPCommunication

/// Into which groups the ranks of a job are parted.
package enum GroupShape: String, CaseIterable, Sendable {
  case all
  /// Of a mesh of two rows; the second one is shorter if the ranks are odd in number.
  case rows, columns
  /// One rank, and all others.
  case uneven
  /// Of each row every other rank: groups of groups.
  case nested

  /// The groups, as numbers of the job, ascending.
  package func groups(_ rankCount: Int) -> [[Int]] {
    let keys = (0..<rankCount).map { key($0, rankCount) }
    return Set(keys).sorted().map { key in (0..<rankCount).filter { keys[$0] == key } }
  }

  private func key(_ rank: Int, _ rankCount: Int) -> Int {
    let width = (rankCount + 1) / 2
    return switch self {
    case .all: 0
    case .rows: rank / width
    case .columns: rank % width
    case .uneven: rank == rankCount / 3 ? 0 : 1
    case .nested: rank / width * 2 + rank % width % 2
    }
  }

  /// The groups that a group is a part of; the first is the job.
  func outer(_ group: [Int], _ rankCount: Int) -> [[Int]] {
    let rows = self == .nested ? GroupShape.rows.groups(rankCount) : []
    return [Array(0..<rankCount)] + rows.filter { $0.contains(group[0]) }
  }

  /// Makes the group of a rank.
  func group(of world: any Communicator) throws -> any Communicator {
    let list = { (shape: GroupShape) in
      shape.groups(world.rankCount).first { $0.contains(world.rank) } ?? []
    }
    switch self {
    case .all: return world
    case .rows, .columns, .uneven: return try world.group(list(self))
    case .nested:
      let row = list(.rows)
      let places = list(self).compactMap { row.firstIndex(of: $0) }
      return try world.group(row).group(places)
    }
  }
}
