import DeepEPElements

/// A named array of numbers, row-major.
public struct BatchArray: Equatable, Sendable {
  /// The name, type and shape.
  public let tensor: TensorDescription
  /// The elements, little-endian.
  public let bytes: [UInt8]

  /// Makes an int32 array; throws ``StorageError`` if `values` do not fill the shape.
  public init(_ name: String, _ shape: [Int], _ values: [Int32]) throws {
    try self.init(
      TensorDescription(name, .int32, shape), bytes: values.withUnsafeBytes(Array.init))
  }

  /// Makes a float32 array; throws ``StorageError`` if `values` do not fill the shape.
  public init(_ name: String, _ shape: [Int], _ values: [Float]) throws {
    try self.init(
      TensorDescription(name, .float32, shape), bytes: values.withUnsafeBytes(Array.init))
  }

  /// Makes an array of any type; throws ``StorageError`` if `bytes` do not fill the shape.
  public init(_ tensor: TensorDescription, bytes: [UInt8]) throws {
    guard tensor.byteCount == bytes.count else {
      throw StorageError(
        "\(bytes.count) bytes for \(tensor.typeDescription)", at: "batch, array '\(tensor.name)'",
        fix: "give as many values as the shape has elements")
    }
    (self.tensor, self.bytes) = (tensor, bytes)
  }

  /// The elements of an int32 array; empty for another type.
  public var int32Values: [Int32] {
    guard tensor.element == .int32 else { return [] }
    return bytes.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
  }
}

/// The inputs of one step: arrays by name.
public struct Batch: Equatable, Sendable {
  /// The arrays, in the order of ``BatchLoader/inputs``.
  public let arrays: [BatchArray]
  /// How many examples (rows) count; those after them fill up the fixed shape and repeat others.
  public let validCount: Int

  /// Makes a batch of which the first `validCount` examples count.
  public init(_ arrays: [BatchArray], validCount: Int) {
    self.arrays = arrays
    self.validCount = validCount
  }

  /// The array of the name `name`; throws ``StorageError`` if there is none.
  public func array(named name: String) throws -> BatchArray {
    guard let array = arrays.first(where: { $0.tensor.name == name }) else {
      throw StorageError(
        "the batch has no array '\(name)'", at: "batch",
        fix: "it has " + arrays.map(\.tensor.name).joined(separator: ", "))
    }
    return array
  }
}
