import DeepEPTargets
import DeepEPTensors

/// A pure function from program to program.
///
/// Results do not change: what comes out computes what went in computed, to rounding.
package protocol Transform {
  /// The name by which `deepep inspect --after` knows it.
  var name: TransformName { get }

  /// The changed program.
  func apply(_ program: Program) throws -> Program
}

/// The transforms, in the order in which they run.
package enum TransformName: String, CaseIterable, Sendable {
  case trace, gradient, expand, bound, precision, partition, simplify, chunk, rematerialize,
    bucket, fuse, order
}

extension Program {
  /// The program after each of the transforms in turn, verified between them.
  package func applying(_ transforms: [any Transform]) throws -> Program {
    try transforms.reduce(self) { program, transform in
      let result = try transform.apply(program)
      try result.verify()
      return result
    }
  }

  /// The transforms that turn a differentiated program into one that a device can run.
  package static var lowering: [any Transform] { lowering(Strategy()) }

  /// The transforms that turn a differentiated program into one that a rank of a strategy can run on a
  /// target.
  ///
  /// - Parameter optimizations: What the transforms may do beyond what a device needs.
  package static func lowering(
    _ strategy: Strategy, for target: any Target = MachineTable.twoCores,
    _ optimizations: Set<Optimization> = .all
  ) -> [any Transform] {
    let transforms: [any Transform] = [
      optimizations.contains(.attention) ? Expand(keeps: FusedComposite.isFused) : Expand(),
      Bound(), MixedPrecision(strategy.precision.element), Partition(strategy, target.links),
      Simplify(), Chunk(), Rematerialize(), Bucket(strategy, for: target),
      Fuse(optimizations, pairedElements: target.pairedElements), Order(for: target),
    ]
    return transforms.filter { transform in
      switch transform.name {
      case .simplify: optimizations.contains(.simplify)
      case .chunk: optimizations.contains(.chunk)
      case .rematerialize: optimizations.contains(.rematerialize)
      case .bucket: optimizations.contains(.bucket)
      case .order: optimizations.contains(.order)
      default: true
      }
    }
  }
}
