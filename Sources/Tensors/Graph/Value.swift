/// One result of one node of a graph, by position.
public struct Value: Hashable, Sendable {
  /// The index of the node that makes it.
  public var node: Int
  /// Which of the node's results it is.
  public var result: Int

  /// Names a result of a node.
  public init(node: Int, result: Int = 0) {
    self.node = node
    self.result = result
  }
}
