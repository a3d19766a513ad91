import DeepEPTensors

extension Clusters {
  /// Joins clusters of one module that walk the same rows and read the same large value, so that it is
  /// read once: an activation's gradient and the activation computed again, a norm's likewise.
  mutating func mergeSiblings() {
    for readers in largeReaders() {
      for (index, cluster) in readers.enumerated() where !all[cluster].members.isEmpty {
        let siblings = readers.dropFirst(index + 1).filter { path(of: $0) == path(of: cluster) }
        merge(Array(siblings), into: cluster)
      }
    }
  }

  /// For each value in memory the clusters that read it element by element.
  private func largeReaders() -> [[Int]] {
    var readers: [Value: Set<Int>] = [:]
    for (index, cluster) in all.enumerated() {
      guard case .map(let shape, _) = cluster.space, !cluster.space.isOneRow else { continue }
      for operand in cluster.members.flatMap({ graph.nodes[$0].operands })
      where !owners[operand.node].contains(index) && graph.type(of: operand).shape == shape
        && roles[operand.node] != .movement
      {
        readers[operand, default: []].insert(index)
      }
    }
    return readers.filter { $0.value.count > 1 }
      .sorted { ($0.key.node, $0.key.result) < ($1.key.node, $1.key.result) }
      .map { $0.value.sorted() }
  }

  private func path(of cluster: Int) -> String? {
    all[cluster].members.first.map { graph.nodes[$0].origin.path }
  }
}
