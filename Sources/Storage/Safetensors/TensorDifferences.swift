/// How the tensors of a file differ from those that are expected.
package struct TensorDifferences {
  private let texts: [String]
  private static let shownCount = 6

  /// Compares by names.
  ///
  /// - Parameters:
  ///   - expected: What the model has.
  ///   - found: What the file has.
  ///   - isAlike: Whether two tensors of a name will do for one another; by default if type and shape are the same.
  package init(
    expected: [TensorDescription], found: [TensorDescription],
    isAlike: (TensorDescription, TensorDescription) -> Bool = { $0 == $1 }
  ) {
    let byName = Dictionary(found.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let wanted = Set(expected.map(\.name))
    let wrong = expected.compactMap { tensor -> String? in
      guard let other = byName[tensor.name] else { return "\(tensor.name.shown) is missing" }
      guard !isAlike(tensor, other) else { return nil }
      return "\(tensor.name.shown) is \(other.typeDescription) in the file, "
        + "\(tensor.typeDescription) in the model"
    }
    let unexpected = found.filter { !wanted.contains($0.name) }
    texts = wrong + unexpected.map { "\($0.name.shown) is unexpected" }
  }

  /// Whether there are none.
  package var isEmpty: Bool { texts.isEmpty }

  /// The first of them, and how many more there are.
  package var text: String {
    let shown = texts.prefix(Self.shownCount).joined(separator: "; ")
    let count = texts.count - Self.shownCount
    return count > 0 ? "\(shown); and \(count) more" : shown
  }
}
