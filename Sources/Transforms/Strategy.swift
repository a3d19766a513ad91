import DeepEPTensors

/// How a run is spread over devices, and in which element type it computes: the only value that
/// switches either.
public struct Strategy: Hashable, Codable, Sendable {
  /// The number of ranks that hold a copy of the model and different data.
  public var data: Int
  /// The number of ranks that share each layer: its heads, hidden units and vocabulary.
  public var tensor: Int
  /// Whether the ranks that share a layer split the sequence where nothing else is split.
  public var sequenceParallel: Bool
  /// The stage of ZeRO: what data-parallel ranks share (0: nothing, 1: optimiser state, 2: gradients
  /// too, 3: parameters too).
  public var zero: Int
  /// The number of data-parallel ranks, such as those of a host, that keep the parameters once more among them from
  /// forward to backward, so that backward gathers them without other hosts; 1 keeps nothing.
  public var secondary: Int
  /// The element type of contractions.
  public var precision: Precision
  /// How gradients travel between hosts; within a host they are never rounded.
  public var compression: Compression

  /// Makes a strategy; the default is one rank.
  public init(
    data: Int = 1, tensor: Int = 1, sequenceParallel: Bool = false, zero: Int = 0,
    secondary: Int = 1, precision: Precision = .float32, compression: Compression = .none
  ) {
    self.data = data
    self.tensor = tensor
    self.sequenceParallel = sequenceParallel
    self.zero = zero
    self.secondary = secondary
    self.precision = precision
    self.compression = compression
  }

  /// The number of ranks that it needs.
  public var rankCount: Int { data * tensor }

  /// The ranks as a grid.
  package var mesh: Mesh {
    let inner = secondary > 1 && data % secondary == 0 ? secondary : data
    return Mesh([.host: inner > 0 ? data / inner : 1, .data: inner, .tensor: tensor])
  }
}
