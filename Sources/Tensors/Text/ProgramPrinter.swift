extension Program: CustomStringConvertible {
  /// The text form, which ``init(text:table:)`` reads.
  public var description: String {
    let attributes = AttributeText()
    let lines = slots.map { slot in
      "slot \(slot.name) : \(slot.type) \(attributes.text(SlotAttributes(slot)))"
    }
    return (lines + entries.flatMap { $0.lines(attributes) }).joined(separator: "\n") + "\n"
  }
}

/// What the text form says of a slot beside its name and type.
struct SlotAttributes: Codable {
  var initializer: Initializer
  var axes: [DimensionAxes]
  var kind: SlotKind
  var isTrainable: Bool
  var shard: Shard?

  init(_ slot: Slot) {
    initializer = slot.initializer
    axes = slot.axes
    kind = slot.kind
    isTrainable = slot.isTrainable
    shard = slot.shard
  }
}

extension Entry: CustomStringConvertible {
  /// The text form of the entry alone.
  public var description: String { lines(AttributeText()).joined(separator: "\n") + "\n" }

  fileprivate func lines(_ attributes: AttributeText) -> [String] {
    ["entry \(name.rawValue)"]
      + inputs.map { "  argument \($0.name) : \($0.type)\($0.text(attributes))" }
      + graph.nodes.enumerated().map { "  %\($0) = \($1.text(attributes))" }
      + updates.map { "  update \($0.slot) \($0.value)" }
      + results.map { "  return \($0.name) \($0.value)" }
  }
}

/// What the text form says of an input beside its name and type.
struct InputAttributes: Codable {
  var axes: [DimensionAxes]
}

extension EntryInput {
  fileprivate func text(_ attributes: AttributeText) -> String {
    axes.isEmpty ? "" : " " + attributes.text(InputAttributes(axes: axes))
  }
}

extension Node {
  fileprivate func text(_ attributes: AttributeText) -> String {
    var text = "\(operation.name)(\(operands.map(\.description).joined(separator: ", ")))"
    let extra = attributes.text(of: operation)
    if !extra.isEmpty { text += " \(extra)" }
    if !controls.isEmpty {
      text += " after(\(controls.map { "%\($0)" }.joined(separator: ", ")))"
    }
    text += " : \(types.map(\.description).joined(separator: "; "))"
    return text + origin.text
  }
}

extension Origin {
  /// Empty for the origin of nodes that have none.
  fileprivate var text: String {
    guard self != Origin() else { return "" }
    let place = source.map { " \($0.line) \($0.file)" } ?? ""
    let why = reason.map { " | \($0)" } ?? ""
    return " // \(phase.rawValue) \(path.isEmpty ? "-" : path)\(place)\(why)"
  }
}
