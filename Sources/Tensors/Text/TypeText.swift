import DeepEPElements

extension Type: CustomStringConvertible, Codable {
  /// The text form, such as `float32[2, 3]` or `float32[<=64:%3, 128] host`.
  public var description: String {
    var text = "\(element.rawValue)[\(dimensions.map(\.text).joined(separator: ", "))]"
    if case .opaque(let name, let bytes) = layout { text += " opaque(\(name), \(bytes))" }
    if space != .device { text += " \(space.rawValue)" }
    return text
  }

  /// Reads the text form.
  ///
  /// - Throws: ``TextError`` if it is another form.
  public init(from decoder: any Decoder) throws {
    var scanner = TextScanner(try decoder.singleValueContainer().decode(String.self))
    self = try scanner.type()
    try scanner.end()
  }

  /// Writes the text form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension Dimension: Codable {
  fileprivate var text: String {
    switch self {
    case .fixed(let size): "\(size)"
    case .bounded(let maximum, let extent): "<=\(maximum):\(extent)"
    }
  }

  /// Reads a size, or a text such as `<=64:%3`.
  ///
  /// - Throws: ``TextError`` if it is another form.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let size = try? container.decode(Int.self) {
      self = .fixed(size)
    } else {
      var scanner = TextScanner(try container.decode(String.self))
      self = try scanner.dimension()
      try scanner.end()
    }
  }

  /// Writes a size, or a text such as `<=64:%3`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if case .fixed(let size) = self {
      try container.encode(size)
    } else {
      try container.encode(text)
    }
  }
}

extension Value: CustomStringConvertible, Codable {
  /// The text form: `%3`, or `%3.1` for a further result.
  public var description: String { result == 0 ? "%\(node)" : "%\(node).\(result)" }

  /// Reads the text form.
  ///
  /// - Throws: ``TextError`` if it is another form.
  public init(from decoder: any Decoder) throws {
    var scanner = TextScanner(try decoder.singleValueContainer().decode(String.self))
    self = try scanner.value()
    try scanner.end()
  }

  /// Writes the text form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension TextScanner {
  mutating func value() throws -> Value {
    try expect("%")
    let node = try integer()
    return Value(node: node, result: take(".") ? try integer() : 0)
  }

  mutating func type() throws -> Type {
    let name = word()
    guard let element = ElementType(rawValue: name) else {
      throw error("'\(name)' is no element type")
    }
    var type = Type(element, dimensions: try dimensions())
    if take("opaque(") {
      let name = word()
      try expect(",")
      type.layout = .opaque(name: name, byteCount: try integer())
      try expect(")")
    }
    for space in MemorySpace.allCases where take(space.rawValue) { type.space = space }
    return type
  }

  private mutating func dimensions() throws -> [Dimension] {
    var dimensions: [Dimension] = []
    try expect("[")
    while !take("]") {
      if !dimensions.isEmpty { try expect(",") }
      dimensions.append(try dimension())
    }
    return dimensions
  }

  fileprivate mutating func dimension() throws -> Dimension {
    guard take("<=") else { return .fixed(try integer()) }
    let maximum = try integer()
    try expect(":")
    return .bounded(maximum: maximum, extent: try value())
  }
}
