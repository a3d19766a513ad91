extension Trace {
  /// The tensor of a slot of the program that the trace belongs to, from before the call.
  package func read(slot: Int, of program: Program) -> Tensor {
    let known = graph.nodes.firstIndex { ($0.operation as? Read)?.slot == slot }
    let node =
      known
      ?? graph.append(
        Node(
          Read(slot: slot, type: program.slots[slot].type), [], types: [program.slots[slot].type],
          origin: origin))
    return Tensor(self, Value(node: node))
  }
}
