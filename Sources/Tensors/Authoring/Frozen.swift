/// A module whose parameters the optimiser leaves alone, such as a part that was trained before.
///
/// Parameters keep the names that they have without it. One that other modules hold too stays as it is
/// for them as well. Running statistics still follow their batches.
public struct Frozen<Content: Module>: Module {
  /// The module.
  public let content: Content

  /// Freezes a module.
  public init(_ content: Content) { self.content = content }

  /// The module's output.
  public func callAsFunction(_ input: Tensor) -> Tensor { content(input) }
}

extension Module {
  /// The same module with parameters that the optimiser leaves alone; they are shared with this one.
  public func frozen() -> Frozen<Self> { Frozen(self) }
}

/// How reflection finds what is frozen.
protocol FrozenContent {
  /// The module.
  var frozenContent: any Module { get }
}

extension Frozen: FrozenContent {
  var frozenContent: any Module { content }
}
