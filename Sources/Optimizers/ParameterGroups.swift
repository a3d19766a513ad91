import DeepEPTensors

/// Other rules, or the same with other settings, for some parameters.
///
/// Vectors without decay of weights, say, as most recipes have it:
///
/// ```swift
/// let optimizer = ParameterGroups(
///   [ParameterGroup(.vectors, .adamW(weightDecay: 0))], others: .adamW(weightDecay: 0.1))
/// ```
public struct ParameterGroups: Optimizer {
  /// The groups; a parameter belongs to the first that selects it.
  public var groups: [ParameterGroup]
  /// The rule of parameters that no group selects.
  public var others: any Optimizer

  /// Makes a rule of several.
  public init(_ groups: [ParameterGroup], others: any Optimizer) {
    self.groups = groups
    self.others = others
  }

  /// The rule of a parameter.
  public func optimizer(of parameter: OptimizedParameter) -> any Optimizer {
    groups.first { $0.selection.contains(parameter) }?.optimizer ?? others
  }

  /// What the parameter's rule keeps.
  public func state(of parameter: OptimizedParameter) -> [OptimizerState] {
    optimizer(of: parameter).state(of: parameter)
  }

  /// The learning rate of parameters that no group selects.
  public func learningRate(at step: Tensor) -> Tensor { others.learningRate(at: step) }

  /// The new value and state by the parameter's rule.
  public func updated(
    _ parameter: OptimizedParameter, value: Tensor, gradient: Tensor, state: [Tensor], step: Tensor
  ) -> (value: Tensor, state: [Tensor]) {
    optimizer(of: parameter).updated(
      parameter, value: value, gradient: gradient, state: state, step: step)
  }
}

/// Parameters that follow a rule of their own.
public struct ParameterGroup: Sendable {
  /// Which parameters.
  public var selection: ParameterSelection
  /// Their rule.
  public var optimizer: any Optimizer

  /// Makes a group.
  public init(_ selection: ParameterSelection, _ optimizer: any Optimizer) {
    self.selection = selection
    self.optimizer = optimizer
  }
}

/// Some of a model's parameters.
public enum ParameterSelection: Hashable, Codable, Sendable {
  /// Those of fewer than two dimensions: biases, and the weights of norms.
  case vectors
  /// Tables of tokens or positions.
  case tables
  /// Those that a pattern of names means, such as `transformer.h.0` or `*.ln_1`.
  case named(ParameterPattern)

  /// Whether a parameter is one of them.
  public func contains(_ parameter: OptimizedParameter) -> Bool {
    switch self {
    case .vectors: parameter.type.rank < 2
    case .tables: parameter.isTable
    case .named(let pattern): pattern.matches(parameter.name)
    }
  }
}
