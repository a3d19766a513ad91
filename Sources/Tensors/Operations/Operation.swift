import DeepEPElements

/// A row of the operation table: everything that is known about one kind of node.
///
/// The stored properties of a conforming type are the operation's attributes; by `Codable` they have
/// a text form. Adding an operation means adding a conforming type, listing it in
/// ``OperationTable/standard``, a kernel choice of the devices, and tests.
public protocol Operation: Hashable, Codable, Sendable {
  /// The name in the text form.
  var name: String { get }

  /// The shape rule: the types of the results for operands of given types.
  ///
  /// - Throws: ``ShapeError`` if the operands do not fit.
  func resultTypes(of operands: [Type]) throws -> [Type]

  /// The named loops of the operation: which factor each dimension of operands and results walks.
  func factors(operands: [Type], results: [Type]) -> Factors

  /// How results over parts of a reduced factor are combined into the whole; nil where the factor
  /// cannot be cut.
  var combination: Reduction? { get }

  /// The same operation with attributes for results of other sizes: what a rank runs on its shard, and
  /// the interpreter on the valid part of bounded dimensions.
  func resized(to results: [Type]) -> any Operation

  /// The gradient of the loss by one operand, from the gradients by the results; nil where it is
  /// zero.
  func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor?

  /// The interpreter's rule: results from operands, slow and obvious.
  func evaluate(_ operands: [HostArray], types: [Type]) throws -> [HostArray]

  /// Whether the shape rule itself deals with bounded dimensions.
  ///
  /// Otherwise it sees their maxima, and they pass from operands to results along factors.
  var seesExtents: Bool { get }

  /// Whether operands may lie in a library's format or in another memory than the device's.
  ///
  /// All others compute with rows in the device's memory.
  var seesMemory: Bool { get }

  /// What must stand beyond the extent of an operand, along a bounded dimension whose elements are
  /// combined, so that it changes no result.
  func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent

  /// The operation with the extents among its attributes replaced.
  func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Self
}

extension Operation {
  /// Bounded dimensions pass along factors.
  public var seesExtents: Bool { false }
  /// Operands are rows in the device's memory.
  public var seesMemory: Bool { false }
  /// No elements can be combined along a bounded dimension.
  public func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent { .refused }
  /// There are none.
  public func mappingExtents(_ map: (Value) throws -> Value) rethrows -> Self { self }
  /// No gradient: the result does not depend smoothly on any operand.
  public func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? { nil }

  /// Reduced factors cannot be cut.
  public var combination: Reduction? { nil }

  /// No attribute depends on sizes.
  public func resized(to results: [Type]) -> any Operation { self }
}

/// What a gradient rule starts from.
public struct GradientContext {
  /// The operands of the node.
  public var operands: [Tensor]
  /// The results of the node.
  public var results: [Tensor]
  /// The gradient of the loss by each result; nil where the loss does not depend on it.
  public var gradients: [Tensor?]

  package init(operands: [Tensor], results: [Tensor], gradients: [Tensor?]) {
    self.operands = operands
    self.results = results
    self.gradients = gradients
  }

  /// The gradient by the first result, zero where there is none.
  public var gradient: Tensor { gradients[0] ?? results[0].filled(with: 0) }
}

/// Operands that an operation does not accept.
public struct ShapeError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The operation.
  public var operation: String
  /// What is wrong, with the types.
  public var problem: String

  /// Makes an error.
  public init(_ operation: String, _ problem: String) {
    self.operation = operation
    self.problem = problem
  }

  /// A sentence for people.
  public var description: String { "\(operation): \(problem)" }
}

extension Operation {
  /// The operation with its attributes, to compare with one of any other kind.
  package var erased: AnyHashable { AnyHashable(self) }

  /// Throws unless there are `count` operands.
  package func expect(_ operands: [Type], count: Int) throws {
    guard operands.count == count else {
      throw ShapeError(name, "expected \(count) operands, got \(operands.count)")
    }
  }

  /// Throws unless all operands have one type; returns it.
  package func expectSame(_ operands: [Type], count: Int) throws -> Type {
    try expect(operands, count: count)
    guard let first = operands.first, operands.allSatisfy({ $0 == first }) else {
      let types = operands.map(\.description).joined(separator: " and ")
      throw ShapeError(name, "operands must have the same type, got \(types)")
    }
    return first
  }

  /// Throws unless some different dimensions are ones of a tensor.
  package func expectDimensions(_ dimensions: [Int], of type: Type) throws {
    let known = type.dimensions.indices
    guard dimensions.allSatisfy(known.contains), Set(dimensions).count == dimensions.count else {
      throw ShapeError(name, "\(dimensions) are no different dimensions of \(type)")
    }
  }

  /// Throws unless an element type can hold an index: int32 or int64.
  package func expectIndex(_ element: ElementType) throws {
    guard [.int32, .int64].contains(element) else {
      throw ShapeError(name, "an index must be int32 or int64, not \(element.rawValue)")
    }
  }
}
