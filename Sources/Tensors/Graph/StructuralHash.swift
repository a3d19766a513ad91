extension Entry {
  /// A hash of what is computed, stable between processes: operations, attributes, types, operands
  /// and control operands, but not names and origins.
  public var structuralHash: UInt64 {
    var hash = StableHash()
    let attributes = AttributeText()
    for input in inputs { hash.add(input.type.description) }
    for node in graph.nodes {
      hash.add(node.operation.name)
      hash.add(attributes.text(of: node.operation))
      node.operands.forEach { hash.add($0.description) }
      hash.add("after")
      node.controls.forEach { hash.add("\($0)") }
      node.types.forEach { hash.add($0.description) }
    }
    updates.forEach { hash.add("update \($0.slot) \($0.value)") }
    results.forEach { hash.add("return \($0.value)") }
    checks.forEach { hash.add("check \($0.value) \($0.maximum)") }
    return hash.value
  }
}

extension Program {
  /// A hash of what is computed and of the types of the state, stable between processes.
  public var structuralHash: UInt64 {
    var hash = StableHash()
    slots.forEach { hash.add($0.type.description) }
    entries.forEach { hash.add("\($0.name.rawValue) \($0.structuralHash)") }
    return hash.value
  }
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo), the same in every process.
package struct StableHash {
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  package mutating func add(_ text: String) {
    for byte in text.utf8 { add(byte) }
    add(0xff)
  }

  private mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
