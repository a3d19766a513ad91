import DeepEPTargets
import DeepEPTensors

/// Defines the transform that exchanges small gradients together, and small parameters: what several collectives would
/// send one after the other, one sends in a single block (Li et al.: PyTorch Distributed, 2020, section 3.2.3).
///
/// Only where ranks exchange bytes over a network: where they share memory a collective costs some microseconds, about
/// what it takes to put values together, and buckets would only stand in the way of other values.
///
/// A bucket holds gradients that follow one another in backward, or parameters that are needed one after the other,
/// along the same axes and by the same kind of collective; ``ExchangeBuckets`` says which. Needs the program of a
/// rank, without composites; leaves the same results, with fewer collectives.
package struct Bucket: Transform {
  package let name = TransformName.bucket
  private let mesh: Mesh
  private let target: any Target

  /// Makes the transform.
  ///
  /// - Parameters:
  ///   - strategy: Whose mesh the collectives run on.
  ///   - target: Whose links say what a collective costs, and whose kernels what it costs to put gradients together.
  package init(_ strategy: Strategy, for target: any Target = MachineTable.twoCores) {
    (mesh, self.target) = (strategy.mesh, target)
  }

  package func apply(_ program: Program) throws -> Program {
    guard mesh.rankCount > 1, target.links.workBeside else { return program }
    return try program.mapEntries { entry in
      let buckets = ExchangeBuckets(entry.graph, mesh, target).all
      if buckets.isEmpty { return entry }
      var writer = BucketWriter(entry, buckets)
      return try writer.written()
    }
  }
}
