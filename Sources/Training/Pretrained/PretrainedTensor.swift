import DeepEPElements
import DeepEPStorage

/// A tensor of a trained model: its description, and its bytes when they are asked for.
public struct PretrainedTensor {
  /// The name, type and shape.
  public let tensor: TensorDescription
  private let read: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void

  /// Describes a tensor.
  ///
  /// - Parameter read: Calls its argument once with all bytes, row-major and little-endian.
  public init(
    _ tensor: TensorDescription,
    read: @escaping ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) {
    (self.tensor, self.read) = (tensor, read)
  }

  /// A tensor of a file under a name; numbers of other floating-point types become float32.
  init(_ stored: StoredTensor, named name: String) {
    let isFloat = stored.element.isFloatingPoint
    self.init(TensorDescription(name, isFloat ? .float32 : stored.element, stored.shape)) {
      try isFloat ? stored.withFloats($0) : stored.withBytes($0)
    }
  }

  /// Calls `body` once with all bytes, row-major and little-endian.
  ///
  /// - Throws: ``StorageError`` for numbers that cannot be read, and what `body` throws.
  public func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) throws { try read(body) }

  /// The same tensor, to be written to a file.
  var toWrite: TensorToWrite {
    TensorToWrite(tensor.name, tensor.element, tensor.shape, produce: read)
  }
}
