/// The examples that a batch norm normalises together.
///
/// This is a property of the model, not of the machine: any strategy gives what one device computes.
public enum BatchStatistics: Hashable, Sendable {
  /// All of the batch, whichever ranks have its examples: PyTorch's `SyncBatchNorm`.
  case wholeBatch
  /// Each of that many equal groups of consecutive examples by itself.
  ///
  /// With a group for each data-parallel rank no rank waits for another to normalise: PyTorch's
  /// `BatchNorm2d` under data parallelism. The number of groups must divide the batch.
  case groups(Int)

  /// The number of groups.
  var groups: Int {
    switch self {
    case .wholeBatch: 1
    case .groups(let count): count
    }
  }
}
