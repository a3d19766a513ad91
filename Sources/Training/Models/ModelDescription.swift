import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms
import FoundationEssentials

/// Which model a checkpoint is of: its sizes, and what was adapted to new data.
///
/// As JSON it is the object of the sizes, with an adaptation in a field of its own, if there is one.
public struct ModelDescription: Codable, Sendable {
  /// The sizes.
  public var sizes: any LanguageModelConfiguration
  /// The small matrices beside the weights; nil if there are none.
  public var adaptation: LowRankAdaptation?

  private enum CodingKeys: String, CodingKey { case adaptation }

  /// The families; one that says more comes first, so that none is taken for another.
  private static let families: [any LanguageModelConfiguration.Type] = [
    LlamaConfiguration.self, GPT2Configuration.self,
  ]

  /// Describes a model.
  public init(_ sizes: any LanguageModelConfiguration, adaptation: LowRankAdaptation? = nil) {
    (self.sizes, self.adaptation) = (sizes, adaptation)
  }

  /// Reads the description that a checkpoint has.
  ///
  /// - Throws: ``StorageError`` if it has none, ``TrainingError`` if no model can have these sizes.
  public init(_ checkpoint: Checkpoint) throws {
    let json = Data(checkpoint.state.modelConfiguration.utf8)
    guard let found = try? JSONDecoder().decode(ModelDescription.self, from: json) else {
      throw StorageError(
        "the checkpoint does not say which model it is of", at: checkpoint.file.path,
        fix: "use a checkpoint that 'deepep train' wrote")
    }
    self = found
    try sizes.check()
  }

  /// Looks whether a checkpoint has as many weights as the model, before memory is taken for one.
  func checkSize(in checkpoint: Checkpoint) throws {
    let found = checkpoint.parameters.reduce(0) { $0 + $1.byteCount / $1.element.byteCount }
    let wanted = sizes.parameterCount
    guard adaptation == nil ? found != wanted : found <= wanted else { return }
    throw StorageError(
      "a checkpoint of another model: its configuration has \(wanted) weights, its tensors \(found)",
      at: checkpoint.file.path,
      fix: "the file is damaged or was changed by hand: use another checkpoint")
  }

  /// Looks whether a checkpoint has exactly the tensors of the model, what was adapted included.
  func checkTensors(in checkpoint: Checkpoint) throws {
    let program = try program()
    let slots = try (adaptation?.apply(program) ?? program).slots
    try checkpoint.check(
      slots.map { TensorDescription($0.name, $0.type.element, $0.type.shape) }, extent: .parameters)
  }

  /// Reads a description.
  public init(from decoder: any Decoder) throws {
    let found = Self.families.lazy.compactMap { try? $0.init(from: decoder) }.first
    guard let found else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "the sizes of no known family"))
    }
    sizes = found
    adaptation = try decoder.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(LowRankAdaptation.self, forKey: .adaptation)
  }

  /// Writes a description.
  public func encode(to encoder: any Encoder) throws {
    try sizes.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(adaptation, forKey: .adaptation)
  }

  /// The model's program, without updates.
  func program() throws -> Program {
    let inputs = ["ids", "targets"].map { TensorDescription($0, .int32, [1, 1]) }
    return try ProgramBuilder.traced(sizes.model(), .crossEntropy, inputs: inputs)
  }

  /// The description as a checkpoint has it.
  public var json: String {
    get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
  }
}

extension LanguageModelConfiguration {
  /// - Throws: ``TrainingError`` naming the field that is wrong, if no model can have these sizes.
  package func check() throws {
    guard let mistake else { return }
    throw TrainingError(what: mistake.what, place: "model configuration", fix: mistake.fix)
  }
}
