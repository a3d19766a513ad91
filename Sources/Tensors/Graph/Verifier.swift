/// A program that breaks a rule: always a mistake of a transform or of a text, never of a user.
public struct VerificationError: Error, Hashable, CustomStringConvertible, Sendable {
  /// Where: entry and node.
  public var place: String
  /// Which rule is broken.
  public var problem: String

  /// A sentence for people.
  public var description: String { "\(place): \(problem)" }
}

extension Program {
  /// Checks every rule that transforms may rely on.
  ///
  /// Operands come before their users; result types follow from the shape rules; inputs and slots
  /// exist and have the types with which they are read; each slot is written at most once, with its
  /// own type; extents of bounded dimensions are earlier int32 scalars; no size is negative, and no
  /// type has more than 2⁴⁸ elements.
  ///
  /// - Throws: ``VerificationError`` for the first broken rule.
  public func verify() throws {
    guard Set(entries.map(\.name)).count == entries.count else {
      throw VerificationError(place: "program", problem: "two entries have the same name")
    }
    for slot in slots where !slot.type.isPossible {
      throw VerificationError(
        place: "slot \(slot.name)", problem: "\(slot.type) is no size of memory")
    }
    for slot in slots where slot.type.isBounded {
      throw VerificationError(
        place: "slot \(slot.name)",
        problem: "\(slot.type) is bounded by a value of a call, which state outlives")
    }
    _ = try mapEntriesConcurrently { entry in
      try entry.verify(slots)
      return entry
    }
  }
}

extension Entry {
  fileprivate func verify(_ slots: [Slot]) throws {
    for input in inputs {
      try check(
        input.type.isPossible, "argument \(input.name)", "\(input.type) is no size of memory")
      for extent in input.type.extents { try verifyExtent(extent, "argument \(input.name)") }
    }
    for (index, node) in graph.nodes.enumerated() {
      try verify(node, index, slots)
    }
    for update in updates {
      try check(slots.indices.contains(update.slot), "update", "slot \(update.slot) does not exist")
      try check(
        exists(update.value, before: graph.nodes.count), "update", "no value \(update.value)")
      let (type, slot) = (graph.type(of: update.value), slots[update.slot])
      try check(type == slot.type, "update", "\(slot.name) is \(slot.type), not \(type)")
    }
    for known in checks { try verifyExtent(known.value, "check \(known.name)") }
    let written = updates.map(\.slot)
    try check(Set(written).count == written.count, "update", "a slot is written twice")
    for result in results {
      try check(
        exists(result.value, before: graph.nodes.count), "return", "no value \(result.value)")
    }
  }

  private func check(
    _ holds: Bool, _ place: @autoclosure () -> String, _ problem: @autoclosure () -> String
  ) throws {
    if !holds {
      throw VerificationError(place: "entry \(name.rawValue), \(place())", problem: problem())
    }
  }

  private func exists(_ value: Value, before node: Int) -> Bool {
    value.node >= 0 && value.node < node && value.result >= 0
      && value.result < graph.nodes[value.node].types.count
  }

  private func verifyExtent(
    _ extent: Value, _ place: @autoclosure () -> String, before node: Int? = nil
  ) throws {
    let isExtent =
      exists(extent, before: node ?? graph.nodes.count)
      && graph.type(of: extent) == Type(.int32, [])
    try check(isExtent, place(), "the extent \(extent) is no earlier int32 scalar")
  }

  private func verify(_ node: Node, _ index: Int, _ slots: [Slot]) throws {
    var place: String { "%\(index) \(node.operation.name)" }
    for operand in node.operands {
      try check(exists(operand, before: index), place, "operand \(operand) is not made before it")
    }
    for control in node.controls {
      try check((0..<index).contains(control), place, "control %\(control) is not before it")
    }
    if let input = node.operation as? Input {
      let known = inputs.indices.contains(input.index) && inputs[input.index].type == input.type
      try check(known, place, "the entry has no such input")
    }
    if let read = node.operation as? Read {
      let known = slots.indices.contains(read.slot) && slots[read.slot].type == read.type
      try check(known, place, "the program has no such slot")
    }
    try verifyTypes(node, index, place: place)
  }

  private func verifyTypes(
    _ node: Node, _ index: Int, place: @autoclosure () -> String
  ) throws {
    for type in node.types {
      try check(type.isPossible, place(), "\(type) is no size of memory")
    }
    for extent in node.types.flatMap(\.extents) {
      try verifyExtent(extent, place(), before: index)
    }
    do {
      let types = try node.operation.types(of: graph.types(of: node.operands))
      try check(
        types == node.types, place(),
        "the results should be \(types.map(\.description).joined(separator: "; "))")
    } catch let error as ShapeError {
      try check(false, place(), error.problem)
    }
  }
}

extension Type {
  /// Whether memory could hold a value of this type.
  fileprivate var isPossible: Bool {
    shape.allSatisfy { (0...1 << 48).contains($0) } && elementCount <= 1 << 48
      && (0...1 << 52).contains(byteCount)
  }
}
