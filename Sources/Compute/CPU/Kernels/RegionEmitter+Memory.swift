import DeepEPElements
import DeepEPTensors

extension RegionEmitter {
  /// The position that an index stands for, as an `i64`.
  mutating func offset(_ index: Index) throws -> String {
    var parts: [String] = []
    for term in index.terms where term.stride != 0 {
      guard let variable = variables[term.variable] else {
        throw failure(
          "loop variable \(term.variable) is used outside its loop",
          "a region over \(region.parallel)", "move the access into the loop")
      }
      parts.append(scaled(variable, by: term.stride))
    }
    for gather in index.gathers { parts.append(try position(gather)) }
    if index.offset != 0 || parts.isEmpty { parts.append("\(index.offset)") }
    return parts.dropFirst().reduce(parts[0]) { text.value("add nsw i64 \($0), \($1)") }
  }

  private mutating func scaled(_ value: String, by stride: Int) -> String {
    stride == 1 ? value : text.value("mul nsw i64 \(value), \(stride)")
  }

  /// A gathered position, inside the buffer whatever the value is.
  private mutating func position(_ gather: GatherTerm) throws -> String {
    let value = try scalar(gather.register)
    guard value.element.isInteger else {
      throw failure(
        "a gather by \(value.element.rawValue) values", "register \(gather.register)",
        "convert them to an integer type")
    }
    let wide = resized(value, to: 64)
    let limit = "\(max(gather.limit - 1, 0))"
    let clamped =
      value.element.isSignedInteger
      ? text.call(
        "llvm.smin.i64", "i64", [text.call("llvm.smax.i64", "i64", [wide, "0"]), limit])
      : text.call("llvm.umin.i64", "i64", [wide, limit])
    return scaled(clamped, by: gather.stride)
  }

  func element(of buffer: Buffer) throws -> ElementType {
    let element: ElementType? =
      switch buffer {
      case .operand(let index): index < operandTypes.count ? operandTypes[index].element : nil
      case .result(let index):
        index < region.resultTypes.count ? region.resultTypes[index].element : nil
      case .scratch(let index): index < region.scratch.count ? region.scratch[index].element : nil
      }
    guard let element else {
      throw failure("there is no buffer \(buffer)", "an access", "declare it in the region")
    }
    guard element != .float8e4m3, element != .float8e5m2 else {
      throw failure(
        "\(element.rawValue) is not compiled yet", "buffer \(buffer)",
        "convert to bfloat16 or float32 first")
    }
    return element
  }

  private func name(of buffer: Buffer) -> String {
    switch buffer {
    case .operand(let index): "%o\(index)"
    case .result(let index): parameterName(ofResult: index)
    case .scratch(let index): scratchNames[index]
    }
  }

  mutating func address(_ access: Access, _ element: ElementType) throws -> String {
    let position = try offset(access.index)
    return text.value(
      "getelementptr inbounds \(element.memoryType), ptr \(name(of: access.buffer)), i64 \(position)"
    )
  }

  mutating func load(_ access: Access) throws -> Scalar {
    let element = try element(of: access.buffer)
    let address = try address(access, element)
    let raw = text.value("load \(element.memoryType), ptr \(address), align \(element.byteCount)")
    return Scalar(name: fromMemory(raw, element), element: element)
  }

  mutating func store(_ scalar: Scalar, _ access: Access) throws {
    let element = try element(of: access.buffer)
    guard element == scalar.element else {
      throw failure(
        "a \(scalar.element.rawValue) register is stored to \(element.rawValue) memory",
        "buffer \(access.buffer)", "convert the register first")
    }
    let address = try address(access, element)
    let raw = toMemory(scalar.name, element)
    text.line("store \(element.memoryType) \(raw), ptr \(address), align \(element.byteCount)")
  }

  private mutating func fromMemory(_ raw: String, _ element: ElementType) -> String {
    switch element {
    case .float16: return text.value("fpext half \(raw) to float")
    case .bool: return text.value("icmp ne i8 \(raw), 0")
    case .bfloat16:
      let wide = text.value("zext i16 \(raw) to i32")
      let bits = text.value("shl i32 \(wide), 16")
      return text.value("bitcast i32 \(bits) to float")
    default: return raw
    }
  }

  /// Registers of narrow floats are rounded already, so nothing is lost here.
  private mutating func toMemory(_ name: String, _ element: ElementType) -> String {
    switch element {
    case .float16: return text.value("fptrunc float \(name) to half")
    case .bool: return text.value("zext i1 \(name) to i8")
    case .bfloat16:
      let bits = text.value("bitcast float \(name) to i32")
      let high = text.value("lshr i32 \(bits), 16")
      return text.value("trunc i32 \(high) to i16")
    default: return name
    }
  }
}
