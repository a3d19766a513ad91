/// Communicators whose algorithms can be chosen anew, by all ranks at once.
package protocol ChoosesAlgorithms: Communicator {
  /// Which algorithms are taken.
  var algorithms: AlgorithmTable { get nonmutating set }
  /// How many ranks there are, and on how many hosts.
  var scale: AlgorithmTable.Layout { get }
  /// Whether it can be hierarchical.
  var isHierarchical: Bool { get }
}

extension MessageCommunicator: ChoosesAlgorithms {
  var algorithms: AlgorithmTable {
    get { options.algorithms }
    set { options.algorithms = newValue }
  }
  var scale: AlgorithmTable.Layout { .init(hostCount: hostCount, rankCount: rankCount) }
  var isHierarchical: Bool { false }
}

extension HierarchicalCommunicator: ChoosesAlgorithms {
  var algorithms: AlgorithmTable {
    get { world.algorithms }
    set { world.algorithms = newValue }
  }
  var scale: AlgorithmTable.Layout { world.scale }
  var isHierarchical: Bool { true }
}
