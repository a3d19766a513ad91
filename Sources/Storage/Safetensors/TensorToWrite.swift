import DeepEPElements

/// A tensor that is to be written: its description and a function that hands over its bytes.
public struct TensorToWrite {
  /// Receives a piece of the bytes of a tensor, in order; may be called any number of times.
  public typealias Consumer = (UnsafeRawBufferPointer) throws -> Void

  /// The name, type and shape.
  public let tensor: TensorDescription
  let produce: (Consumer) throws -> Void

  /// Makes a tensor whose bytes `produce` hands over when the file is written.
  ///
  /// `produce` is called once and calls its consumer with pieces that together are exactly the
  /// bytes of the tensor, row-major and little-endian. What it throws ends the writing.
  public init(
    _ name: String, _ element: ElementType, _ shape: [Int],
    produce: @escaping (Consumer) throws -> Void
  ) {
    tensor = TensorDescription(name, element, shape)
    self.produce = produce
  }

  /// Makes a tensor of bytes at hand, row-major and little-endian.
  public init(_ name: String, _ element: ElementType, _ shape: [Int], bytes: [UInt8]) {
    self.init(name, element, shape) { consumer in try bytes.withUnsafeBytes(consumer) }
  }

  /// Makes a tensor of float32 values at hand, row-major.
  public init(_ name: String, _ shape: [Int], _ values: [Float]) {
    self.init(name, .float32, shape) { consumer in try values.withUnsafeBytes(consumer) }
  }
}
