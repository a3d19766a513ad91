/// What an entry computes, to compare and to hash: operations, attributes, types, operands, control
/// operands, updates and results, but not names and origins.
///
/// Equal structures are the same computation on the same slots; unlike ``Entry/structuralHash``, two
/// different ones are never taken for one.
package struct EntryStructure: Hashable {
  private let inputs: [Type]
  private let nodes: [NodeStructure]
  private let updates: [SlotUpdate]
  private let results: [Value]

  /// The structure of an entry.
  package init(_ entry: Entry) {
    inputs = entry.inputs.map(\.type)
    nodes = entry.graph.nodes.map(NodeStructure.init)
    updates = entry.updates
    results = entry.results.map(\.value)
  }
}

private struct NodeStructure: Hashable {
  let operation: AnyHashable
  let operands: [Value]
  let controls: [Int]
  let types: [Type]

  init(_ node: Node) {
    operation = node.operation.erased
    operands = node.operands
    controls = node.controls
    types = node.types
  }
}
