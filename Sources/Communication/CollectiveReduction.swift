/// How a collective combines the elements of the ranks.
public enum CollectiveReduction: String, Hashable, Codable, Sendable, CaseIterable {
  case sum, product, maximum, minimum
  /// The sum over the number of ranks; for floating-point elements only.
  case mean
}
