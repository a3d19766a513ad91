/// A part of a model: a struct whose stored `let`s are parameters, modules, and arrays of modules.
///
/// The path of properties that leads to a parameter is its name, in snake case: `transformer.h[0]
/// .attn.cAttn.weight` is `transformer.h.0.attn.c_attn.weight`.
public protocol Module {
  /// The module's output for an input.
  func callAsFunction(_ input: Tensor) -> Tensor
}

/// A parameter of a model with its name.
public struct NamedParameter: Sendable {
  /// The path of properties that leads to it.
  public let name: String
  /// The parameter.
  public let parameter: Parameter

  package init(name: String, parameter: Parameter) {
    self.name = name
    self.parameter = parameter
  }
}

extension Module {
  /// The parameters of the module, each once under the first name that leads to it.
  public var parameters: [NamedParameter] {
    var seen: Set<ObjectIdentifier> = []
    return reflected(self, path: "").filter { seen.insert(ObjectIdentifier($0.parameter)).inserted }
  }
}

private func reflected(_ value: Any, path: String) -> [NamedParameter] {
  if let parameter = value as? Parameter {
    return [NamedParameter(name: path, parameter: parameter)]
  }
  let mirror = Mirror(reflecting: value)
  if mirror.displayStyle == .optional || value is any Module || value is [Any] {
    return mirror.children.enumerated().flatMap { index, child in
      let label = mirror.displayStyle == .optional ? nil : child.label.map(snakeCase) ?? "\(index)"
      let inner = [path, label ?? ""].filter { !$0.isEmpty }.joined(separator: ".")
      return reflected(child.value, path: inner)
    }
  }
  return []
}

/// `cAttn` becomes `c_attn`, `ln1` becomes `ln_1`.
private func snakeCase(_ name: String) -> String {
  var result = ""
  for character in name {
    let starts =
      character.isUppercase || (character.isNumber && !(result.last?.isNumber ?? true))
    if starts, !result.isEmpty, result.last != "_" { result.append("_") }
    result.append(character.lowercased())
  }
  return result
}
