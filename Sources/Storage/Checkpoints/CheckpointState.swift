/// What a checkpoint holds beside its tensors.
public struct CheckpointState: Equatable, Sendable {
  /// The number of optimizer steps that were made.
  public var step: Int
  /// The position in the data: examples consumed since training began, over all epochs.
  public var dataPosition: Int
  /// The configuration of the model in JSON; empty if there is none.
  public var modelConfiguration: String
  /// The tokenizer in JSON; empty if there is none.
  public var tokenizer: String
  /// Anything else, by key.
  public var notes: [String: String]

  /// Makes a state.
  public init(
    step: Int, dataPosition: Int, modelConfiguration: String = "", tokenizer: String = "",
    notes: [String: String] = [:]
  ) {
    self.step = step
    self.dataPosition = dataPosition
    self.modelConfiguration = modelConfiguration
    self.tokenizer = tokenizer
    self.notes = notes
  }
}

/// The metadata of the file in which a state is kept.
extension CheckpointState {
  private enum Key: String, CaseIterable {
    case version = "deepep.checkpoint"
    case step = "deepep.step"
    case dataPosition = "deepep.data_position"
    case modelConfiguration = "deepep.model"
    case tokenizer = "deepep.tokenizer"
    /// Other readers of such files expect it.
    case framework = "format"
  }

  private static let notePrefix = "deepep.note."
  /// The newest version of the format that this code reads, and the one that it writes.
  public static let formatVersion = 1

  var metadata: [String: String] {
    var metadata: [Key: String] = [
      .version: String(CheckpointState.formatVersion), .step: String(step),
      .dataPosition: String(dataPosition), .framework: "pt",
    ]
    if !modelConfiguration.isEmpty { metadata[.modelConfiguration] = modelConfiguration }
    if !tokenizer.isEmpty { metadata[.tokenizer] = tokenizer }
    let noted = notes.map { (CheckpointState.notePrefix + $0.key, $0.value) }
    return Dictionary(
      metadata.map { ($0.key.rawValue, $0.value) } + noted, uniquingKeysWith: { $1 })
  }

  init(metadata: [String: String], path: String) throws {
    try CheckpointState.checkVersion(metadata[Key.version.rawValue], path: path)
    func number(_ key: Key) throws -> Int {
      let text = metadata[key.rawValue]
      guard let number = text.flatMap({ Int($0) }), number >= 0 else {
        throw StorageError(
          "\(text.map(\.shown) ?? "nothing") where a whole number belongs",
          at: "\(path), metadata '\(key.rawValue)'", fix: "the file is damaged: use another one")
      }
      return number
    }
    let notes = metadata.filter { $0.key.hasPrefix(CheckpointState.notePrefix) }
    let prefixCount = CheckpointState.notePrefix.count
    self.init(
      step: try number(.step), dataPosition: try number(.dataPosition),
      modelConfiguration: metadata[Key.modelConfiguration.rawValue] ?? "",
      tokenizer: metadata[Key.tokenizer.rawValue] ?? "",
      notes: Dictionary(
        notes.map { (String($0.key.dropFirst(prefixCount)), $0.value) }, uniquingKeysWith: { $1 }))
  }

  private static func checkVersion(_ text: String?, path: String) throws {
    guard let text, let version = Int(text), version >= 1 else {
      throw StorageError(
        "not a checkpoint of DeepEP: its version is \(text.map(\.shown) ?? "missing")",
        at: "\(path), metadata '\(Key.version.rawValue)'", fix: "name a file that DeepEP wrote")
    }
    guard version <= formatVersion else {
      throw StorageError(
        "a checkpoint of format version \(version), known are 1 to \(formatVersion)",
        at: "\(path), metadata '\(Key.version.rawValue)'",
        fix: "use the version of DeepEP that wrote it, or a newer one")
    }
  }
}
