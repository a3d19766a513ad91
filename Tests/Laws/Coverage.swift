import DeepEPElements
import DeepEPTensors

/// Which operations were run on which element types, in which sizes.
package struct Coverage: Sendable {
  private var sizes: [String: [ElementType: Set<Int>]] = [:]

  /// Starts with nothing.
  package init() {}

  /// Notes the nodes of a program that its results and updates need.
  package mutating func add(_ program: Program) {
    for entry in program.entries {
      let needed = entry.graph.reachable(from: entry.roots)
      for (index, node) in entry.graph.nodes.enumerated() where needed[index] {
        add(node, entry.graph)
      }
    }
  }

  private mutating func add(_ node: Node, _ graph: Graph) {
    let operands = graph.types(of: node.operands)
    let types = operands + node.types
    // The element type is that of the first operand; of a choice, that of what is chosen from.
    let main = node.operation is Select ? operands[1] : operands.first ?? node.types[0]
    let found = types.flatMap(\.shape).filter(OperationSample.sizes.contains)
    sizes[node.operation.name, default: [:]][main.element, default: []].formUnion(found)
  }

  /// The names of the operations that were seen.
  package var names: Set<String> { Set(sizes.keys) }

  /// Whether an operation was seen on an element type in all of the samples' sizes.
  package func isWhole(_ name: String, _ element: ElementType) -> Bool {
    sizes[name]?[element]?.isSuperset(of: OperationSample.sizes) ?? false
  }

  /// A line for each operation with the number of sizes for each element type; `·` where `isMeant`
  /// says that there is nothing to run.
  package func table(
    _ names: [String], isMeant: (String, ElementType) -> Bool
  ) -> String {
    let columns = ElementType.allCases.map { element in
      element.rawValue.replacing("float", with: "f").replacing("uint", with: "u")
        .replacing("int", with: "i")
    }
    let width = (names.map(\.count).max() ?? 0) + 1
    let padded = { (text: String, width: Int) in
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let head = padded("", width) + columns.map { padded($0, 7) }.joined()
    let lines = names.map { name in
      padded(name, width)
        + ElementType.allCases.map { element in
          let count = sizes[name]?[element]?.count
          return padded(count.map(String.init) ?? (isMeant(name, element) ? "-" : "·"), 7)
        }.joined()
    }
    return ([head] + lines).joined(separator: "\n")
  }
}
