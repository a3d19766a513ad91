import DeepEPModels
import DeepEPStorage

/// Whether a model in a folder of Hugging Face computes what DeepEP's model of that family computes.
struct HuggingFaceCheck {
  private let folder: HuggingFaceFolder

  init(_ folder: HuggingFaceFolder) { self.folder = folder }

  /// - Throws: ``StorageError`` if the model is of another family.
  func family(isOneOf known: [String]) throws {
    let found = try folder.family
    guard known.contains(found) else { throw error("'model_type'", found.shown, Self.words(known)) }
  }

  /// - Throws: ``StorageError`` if a field is there and has none of the values that the model is made for.
  func field<Value: Equatable>(_ name: String, _ found: Value?, isOneOf known: [Value]) throws {
    guard let found, !known.contains(found) else { return }
    throw error(
      "'\(name)'", "\(found)".escaped,
      "a model with \(known.map { "\($0)" }.joined(separator: " or "))")
  }

  /// - Throws: ``StorageError`` if a field is not there.
  func present<Value>(_ name: String, _ found: Value?) throws -> Value {
    guard let found else { throw error("'\(name)'", "missing", "the configuration of the model") }
    return found
  }

  private static func words(_ families: [String]) -> String {
    "a model of type \(families.map { "'\($0)'" }.joined(separator: " or ")), "
      + "or the configuration of that family"
  }

  /// - Throws: ``StorageError`` for sizes that no model can have.
  func sizes(_ sizes: some LanguageModelConfiguration) throws {
    guard let mistake = sizes.mistake else { return }
    throw StorageError(mistake.what, at: "\(folder.path)/config.json", fix: mistake.fix)
  }

  private func error(_ field: String, _ found: String, _ wanted: String) -> StorageError {
    StorageError("\(field) is \(found)", at: "\(folder.path)/config.json", fix: "use \(wanted)")
  }
}
