import DeepEPElements

/// The whole state of a training run in one safetensors file.
///
/// Parameters have the names that they have in the model, so other programs read them too. The
/// state of the optimizer is under `optimizer.SLOT/PARAMETER`, such as
/// `optimizer.first_moment/tokens.weight`, moving averages under `ema.PARAMETER`, the seed of random
/// draws under `random.seed`; position, configuration and tokenizer are metadata.
/// A file is written whole or not at all.
public struct Checkpoint: Sendable {
  /// Step, position in the data, configuration, tokenizer.
  public let state: CheckpointState
  /// The tensors.
  public let file: SafetensorsFile

  private static let optimizerPrefix = "optimizer."
  private static let averagePrefix = "ema."
  private static let statePrefixes = [optimizerPrefix, averagePrefix, "random."]

  /// Whether a name is that of state of a run, and not of a model.
  public static func isStateOfRun(_ name: String) -> Bool {
    statePrefixes.contains { name.hasPrefix($0) }
  }

  /// Opens the checkpoint at `path`; tensors are read when their bytes are asked for.
  ///
  /// Throws ``StorageError`` if the file cannot be read, is damaged, is no checkpoint or one of a
  /// newer format version.
  public init(_ path: String) throws {
    file = try SafetensorsFile(path)
    state = try CheckpointState(metadata: file.metadata, path: path)
  }

  /// Writes a checkpoint to `path`, whole or not at all; see ``SafetensorsWriter``.
  public static func write(
    _ tensors: [TensorToWrite], state: CheckpointState, to path: String
  ) throws {
    try SafetensorsWriter.write(tensors, metadata: state.metadata, to: path)
  }

  /// The name of a part of the optimizer's state, such as `first_moment`, of a parameter.
  public static func optimizerName(_ slot: String, of parameter: String) -> String {
    "\(optimizerPrefix)\(slot)/\(parameter)"
  }

  /// The name of the moving average of a parameter.
  public static func averageName(of parameter: String) -> String { averagePrefix + parameter }

  /// The tensor of a parameter, or its moving average; a parameter that is not trained stands for its own.
  ///
  /// - Throws: ``StorageError`` if there is none.
  public func weight(named name: String, byAverages: Bool) throws -> StoredTensor {
    guard byAverages else { return try tensor(named: name) }
    let average = file.tensors.first { $0.name == Checkpoint.averageName(of: name) }
    if let average { return average }
    guard file.tensors.contains(where: { $0.name.hasPrefix(Checkpoint.averagePrefix) }) else {
      throw StorageError(
        "there are no moving averages", at: file.path, fix: "train with some, by --ema 0.999")
    }
    return try tensor(named: name)
  }

  /// The tensors of the model: its parameters and statistics.
  public var parameters: [StoredTensor] {
    file.tensors.filter { !Checkpoint.isStateOfRun($0.name) }
  }

  /// The tensor of the name `name`; throws ``StorageError`` if there is none.
  public func tensor(named name: String) throws -> StoredTensor { try file.tensor(named: name) }

  /// What of the file a program expects to know.
  public enum Extent: Sendable {
    /// Every tensor, the state of the optimizer included: to train on.
    case everything
    /// The parameters alone: to evaluate or generate.
    case parameters
  }

  /// Checks that the file has exactly the tensors `expected`, with their types and shapes; those named
  /// `optional` may be in the one and not in the other.
  ///
  /// Throws one ``StorageError`` that names the tensors that are missing, unexpected or of another
  /// type or shape, with both.
  public func check(
    _ expected: [TensorDescription], extent: Extent = .everything, optional: Set<String> = []
  ) throws {
    let found = (extent == .everything ? file.tensors : parameters).map(\.tensor)
    let (wanted, known) = (Set(expected.map(\.name)), Set(found.map(\.name)))
    let optional = optional.filter { !wanted.contains($0) || !known.contains($0) }
    let differences = TensorDifferences(
      expected: expected.filter { !optional.contains($0.name) },
      found: found.filter { !optional.contains($0.name) })
    guard !differences.isEmpty else { return }
    throw StorageError(
      "a checkpoint of another model: \(differences.text)", at: file.path,
      fix: "use the configuration that it was written with, or another checkpoint")
  }
}
