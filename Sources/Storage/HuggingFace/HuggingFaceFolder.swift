import DeepEPElements
import FoundationEssentials

/// A model as Hugging Face's `transformers` keeps it: a folder with `config.json` and the weights, in
/// `model.safetensors` or in several such files, which `model.safetensors.index.json` names.
///
/// Nothing in it is trusted: the index cannot lead out of the folder, and each file is checked as
/// ``SafetensorsFile`` checks it.
public struct HuggingFaceFolder: Sendable {
  /// Where it lies.
  public let path: String
  /// All tensors, by their names in the files.
  private let tensors: [String: StoredTensor]

  static let configurationName = "config.json"
  static let weightsName = "model.safetensors"
  static let tokenizerName = "tokenizer.json"
  private static let indexName = weightsName + ".index.json"

  /// Opens the folder at `path`; the bytes of tensors are read when they are asked for.
  ///
  /// - Throws: ``StorageError`` if it has no weights in safetensors, or a file of it is damaged or missing.
  public init(_ path: String) throws {
    self.path = path
    let index = try Self.index(of: path)
    var found: [String: StoredTensor] = [:]
    for name in index.map({ Set($0.weight_map.values).sorted() }) ?? [Self.weightsName] {
      for tensor in try SafetensorsFile("\(path)/\(name)").tensors {
        guard found.updateValue(tensor, forKey: tensor.name) == nil else {
          throw StorageError(
            "\(tensor.name.shown) is in several files", at: path,
            fix: "remove the files that are not of this model")
        }
      }
    }
    tensors = found
    if let missing = index?.weight_map.keys.sorted().first(where: { found[$0] == nil }) {
      throw StorageError(
        "\(missing.shown) is in none of the files that the index names", at: path,
        fix: "copy the folder again: the files are of different models")
    }
  }

  /// The names of all tensors.
  public var names: [String] { tensors.keys.sorted() }

  /// Tells folders apart: a digest of the beginning of each tensor.
  public var fingerprint: UInt64 { names.compactMap { tensors[$0] }.fingerprint }

  /// The tensor of a parameter, which may lack the first part of its name.
  ///
  /// `transformers` leaves that part out when it writes a model without its head.
  public func tensor(ofParameter name: String) -> StoredTensor? {
    tensors[name] ?? tensors[String(name.drop { $0 != "." }.dropFirst())]
  }

  /// What `config.json` says.
  ///
  /// - Throws: ``StorageError`` if there is none, or it has not the form.
  public func configuration<Form: Decodable>(_: Form.Type) throws -> Form {
    try Self.json(Form.self, at: "\(path)/\(Self.configurationName)")
  }

  /// What `tokenizer.json` says; nil if there is none.
  ///
  /// - Throws: ``StorageError`` if it cannot be read.
  public func tokenizer() throws -> String? {
    let place = "\(path)/\(Self.tokenizerName)"
    guard FileManager.default.fileExists(atPath: place) else { return nil }
    return try TextFile(place).text
  }

  /// Whether a folder says that it has a model.
  package static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(configurationName)")
  }

  /// Whether anything of a model lies in a folder.
  package static func hasModel(_ path: String) -> Bool {
    [configurationName, weightsName, indexName].contains {
      FileManager.default.fileExists(atPath: "\(path)/\($0)")
    }
  }

  // MARK: Files

  private struct Index: Decodable { var weight_map: [String: String] }

  /// The index; nil if all tensors are in one file.
  private static func index(of path: String) throws -> Index? {
    let files = FileManager.default
    if files.fileExists(atPath: "\(path)/\(weightsName)") { return nil }
    let place = "\(path)/\(indexName)"
    guard files.fileExists(atPath: place) else { throw noWeights(path) }
    let index = try json(Index.self, at: place)
    let outside = index.weight_map.values.first {
      $0.contains("/") || !$0.hasSuffix(".safetensors")
    }
    if let outside {
      throw StorageError(
        "\(outside.shown) is not the name of a file of weights in this folder", at: place,
        fix: "the index is damaged: copy the folder again")
    }
    return index
  }

  private static func noWeights(_ path: String) -> StorageError {
    guard Folder.exists(path) else {
      return StorageError("there is no such folder", at: path, fix: "name one that exists")
    }
    let hasPickle = FileManager.default.fileExists(atPath: "\(path)/pytorch_model.bin")
    return StorageError(
      "there is no \(weightsName) and no \(indexName)"
        + (hasPickle ? ", only pytorch_model.bin, which is a program and not read" : ""),
      at: path,
      fix: "write the model with save_pretrained(path), which keeps weights in safetensors")
  }

  private static func json<Form: Decodable>(_: Form.Type, at place: String) throws -> Form {
    let data = try MappedFile(place).withBytes { Data($0) }
    do {
      return try JSONDecoder().decode(Form.self, from: data)
    } catch let DecodingError.keyNotFound(key, _) {
      throw StorageError(
        "there is no field '\(key.stringValue)'", at: place, fix: "copy the folder again")
    } catch let DecodingError.typeMismatch(type, context) {
      let field = context.codingPath.map(\.stringValue).joined(separator: ".")
      throw StorageError(
        "the field \(field.shown) is no \(type)", at: place, fix: "copy the folder again")
    } catch {
      throw StorageError("not valid JSON", at: place, fix: "copy the folder again")
    }
  }
}
