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
  /// Whether the optimiser changes it: it may say that it does not, or be part of a ``Frozen`` module.
  public let isTrainable: Bool

  package init(name: String, parameter: Parameter, isFrozen: Bool = false) {
    self.name = name
    self.parameter = parameter
    isTrainable = parameter.isTrainable && !isFrozen
  }
}

extension Module {
  /// The parameters of the module, each once under the first name that leads to it.
  public var parameters: [NamedParameter] {
    let all = reflected(self, path: "", isFrozen: false)
    let frozen = Set(all.filter { !$0.isTrainable }.map { ObjectIdentifier($0.parameter) })
    var seen: Set<ObjectIdentifier> = []
    return all.filter { seen.insert(ObjectIdentifier($0.parameter)).inserted }.map { named in
      NamedParameter(
        name: named.name, parameter: named.parameter,
        isFrozen: frozen.contains(ObjectIdentifier(named.parameter)))
    }
  }
}

private func reflected(_ value: Any, path: String, isFrozen: Bool) -> [NamedParameter] {
  if let parameter = value as? Parameter {
    return [NamedParameter(name: path, parameter: parameter, isFrozen: isFrozen)]
  }
  if let frozen = value as? any FrozenContent {
    return reflected(frozen.frozenContent, path: path, isFrozen: true)
  }
  let mirror = Mirror(reflecting: value)
  if mirror.displayStyle == .optional || value is any Module || value is [Any] {
    return mirror.children.enumerated().flatMap { index, child in
      let label = mirror.displayStyle == .optional ? nil : child.label.map(snakeCase) ?? "\(index)"
      let inner = [path, label ?? ""].filter { !$0.isEmpty }.joined(separator: ".")
      return reflected(child.value, path: inner, isFrozen: isFrozen)
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
