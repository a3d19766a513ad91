import DeepEPModels
import DeepEPStorage

/// Whether a model in a folder of Hugging Face computes what DeepEP's model of that family computes.
struct HuggingFaceCheck {
  private struct Family: Decodable { var model_type: String }

  private let folder: HuggingFaceFolder

  init(_ folder: HuggingFaceFolder) { self.folder = folder }

  /// - Throws: ``StorageError`` if the model is of another family.
  func family(_ name: String) throws {
    let found = try folder.configuration(Family.self).model_type
    guard found == name else {
      throw error(
        "'model_type'", found.shown,
        "a model of type '\(name)', or the configuration of that family")
    }
  }

  /// - Throws: ``StorageError`` if a field is there and has none of the values that the model is made for.
  func field<Value: Equatable>(_ name: String, _ found: Value?, isOneOf known: [Value]) throws {
    guard let found, !known.contains(found) else { return }
    throw error(
      "'\(name)'", "\(found)".escaped,
      "a model with \(known.map { "\($0)" }.joined(separator: " or "))")
  }

  /// - Throws: ``StorageError`` for sizes of which no model can be.
  func sizes(_ sizes: LlamaConfiguration) throws {
    let all = [
      sizes.vocabulary, sizes.context, sizes.width, sizes.layers, sizes.heads, sizes.keyValueHeads,
      sizes.hidden,
    ]
    let isPossible =
      all.allSatisfy { (1...1 << 24).contains($0) } && sizes.width % sizes.heads == 0
      && sizes.heads % sizes.keyValueHeads == 0 && sizes.headWidth % 2 == 0
    guard isPossible else {
      throw error(
        "the sizes", "\(all)",
        "heads that divide the width, and be divided by those of keys and values")
    }
  }

  private func error(_ field: String, _ found: String, _ wanted: String) -> StorageError {
    StorageError("\(field) is \(found)", at: "\(folder.path)/config.json", fix: "use \(wanted)")
  }
}
