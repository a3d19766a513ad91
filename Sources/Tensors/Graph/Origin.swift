/// What part of a training step a node belongs to.
public enum Phase: String, Hashable, Codable, Sendable, CaseIterable {
  /// The model and its loss.
  case forward
  /// Gradients that travel on to earlier layers.
  case inputGradient
  /// Gradients that end in a parameter.
  case weightGradient
  /// The optimiser.
  case update
}

/// A place in the source of a model.
public struct SourceLocation: Hashable, Codable, Sendable {
  /// The file, as the compiler's `#fileID`.
  public var file: String
  /// The line, from one.
  public var line: Int

  /// Names a line of a file.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }
}

/// Where a node comes from; transforms keep it.
public struct Origin: Hashable, Codable, Sendable {
  /// The path of the module whose parameter was used last, such as `transformer.h.3.mlp.c_fc`.
  public var path: String
  /// The part of the step.
  public var phase: Phase
  /// The line that made the node, where one is known.
  public var source: SourceLocation?
  /// Why a transform wrote the node, where that is worth saying.
  public var reason: String?

  /// Makes an origin.
  public init(
    path: String = "", phase: Phase = .forward, source: SourceLocation? = nil,
    reason: String? = nil
  ) {
    self.path = path
    self.phase = phase
    self.source = source
    self.reason = reason
  }
}
