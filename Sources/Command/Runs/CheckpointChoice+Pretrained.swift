import DeepEPStorage
import DeepEPTraining
import FoundationEssentials

/// With which trained model a person wants to begin: that of a run, or one of Hugging Face.
extension CheckpointChoice {
  /// The model.
  ///
  /// - Throws: ``StorageError`` if there is none, or it is damaged.
  func pretrained() throws -> any PretrainedModel {
    if case .path(let path) = self {
      if HuggingFaceFolder.exists(path) { return try HuggingFaceFolder(path) }
      guard FileManager.default.fileExists(atPath: path) else {
        throw StorageError("there is no such file or folder", at: path, fix: Self.forms)
      }
    }
    do {
      return try Checkpoint(file())
    } catch let error as StorageError {
      throw StorageError(error.what, at: error.place, fix: "\(error.fix)\n  \(Self.forms)")
    }
  }

  private static let forms =
    "--from takes a checkpoint, the folder of a run, or a folder of Hugging Face with its config.json"

  /// The path by which the model is found whatever else is trained, as the first rank sees it; collective over all ranks.
  ///
  /// - Throws: ``StorageError`` if there is none.
  func found(in job: JoinedJob) throws -> CheckpointChoice {
    .path(try job.told("model") { try pretrained().path } ?? description)
  }
}

extension ValueParser where Value == CheckpointChoice {
  /// A trained model: a checkpoint, the folder of a run or of Hugging Face, or `newest`.
  static var pretrained: Self {
    checkpoint(expecting: "a checkpoint, or the folder of a run or of Hugging Face")
  }
}
