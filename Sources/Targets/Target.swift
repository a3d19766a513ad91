import DeepEPElements
import DeepEPTensors

/// What a device likes and what things cost on it.
///
/// Compute describes its own devices by one; planning those that nobody has at hand.
package protocol Target {
  /// How ranks on such devices reach one another.
  var links: Links { get }

  /// The narrow floats whose products regions should write in pairs (``TileDot``).
  var pairedElements: Set<ElementType> { get }

  /// The kernel that the device would run for an operation.
  ///
  /// - Throws: ``TargetError`` if it has none.
  func choice(
    for operation: any Operation, operands: [Type], results: [Type]
  ) throws -> KernelChoice
}

extension Target {
  /// None.
  package var pairedElements: Set<ElementType> { [] }
}

/// What running an operation takes on a device.
package struct KernelChoice: Hashable, Sendable {
  /// The kernel, as events and plans name it.
  package var kernel: String
  /// Memory that the kernel needs while it runs.
  package var workspaceBytes: Int
  /// For each result that may take the memory of an operand, which operands may give it.
  package var overwritable: [Int: [Int]]
  /// How long it is expected to take.
  package var seconds: Double

  /// Describes a kernel.
  package init(
    kernel: String, workspaceBytes: Int = 0, overwritable: [Int: [Int]] = [:], seconds: Double
  ) {
    self.kernel = kernel
    self.workspaceBytes = workspaceBytes
    self.overwritable = overwritable
    self.seconds = seconds
  }
}

/// An operation that a device cannot run.
public struct TargetError: Error, Hashable, CustomStringConvertible, Sendable {
  /// The operation and its types.
  public var operation: String
  /// Why not.
  public var problem: String

  /// Makes an error.
  public init(operation: String, problem: String) {
    self.operation = operation
    self.problem = problem
  }

  /// A sentence for people.
  public var description: String { "\(operation): \(problem)" }
}
