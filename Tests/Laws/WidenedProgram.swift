import DeepEPElements
import DeepEPTensors

extension Program {
  /// The same program with float64 wherever it has float32: rounding is too small to hide a mistake.
  package var widened: Program {
    var program = mapEntries { entry in
      var (entry, graph) = (entry, Graph())
      entry.inputs = entry.inputs.map {
        EntryInput(name: $0.name, type: $0.type.widened, axes: $0.axes)
      }
      for node in entry.graph.nodes { graph.append(node.widened) }
      entry.graph = graph
      return entry
    }
    program.slots = program.slots.map { slot in
      var slot = slot
      slot.type = slot.type.widened
      return slot
    }
    return program
  }
}

extension Type {
  fileprivate var widened: Type { element == .float32 ? with(element: .float64) : self }
}

extension Node {
  fileprivate var widened: Node {
    var node = self
    node.types = types.map(\.widened)
    switch operation {
    case let input as Input: node.operation = Input(index: input.index, type: input.type.widened)
    case let read as Read: node.operation = Read(slot: read.slot, type: read.type.widened)
    case let constant as Constant:
      node.operation = Constant(type: constant.type.widened, numbers: constant.numbers)
    case let iota as Iota:
      node.operation = Iota(type: iota.type.widened, dimension: iota.dimension)
    case let convert as Convert where convert.element == .float32:
      node.operation = Convert(element: .float64)
    default: break
    }
    return node
  }
}
