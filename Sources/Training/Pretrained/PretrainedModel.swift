import DeepEPModels
import DeepEPStorage

/// A trained model with which a run can begin: a ``HuggingFaceFolder``, or a ``Checkpoint`` of another run.
public protocol PretrainedModel {
  /// Where it lies.
  var path: String { get }

  /// Tells models apart: a digest of the beginning of each tensor.
  var fingerprint: UInt64 { get }

  /// What makes its tokens, as JSON; nil if it comes without.
  ///
  /// - Throws: ``StorageError`` for a file that cannot be read.
  func tokenizer() throws -> String?

  /// Its sizes.
  ///
  /// - Throws: ``StorageError`` if it does not say which model it is, or is one that DeepEP has not.
  func languageModel() throws -> any LanguageModelConfiguration

  /// Its weights and statistics, under the names that a model has for them; what that model does not know has the
  /// name that it has in the file.
  ///
  /// - Parameter names: The names that the model has.
  /// - Throws: ``StorageError`` if the file is damaged.
  func weights(named names: [String]) throws -> [PretrainedTensor]
}
