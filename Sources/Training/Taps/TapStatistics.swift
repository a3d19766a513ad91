import DeepEPElements
import DeepEPTensors

/// Writes statistics of tapped values into the entry that makes them, as further results.
///
/// They are graph code like everything else: fused, partitioned and planned.
package enum TapStatistics {
  private static let prefix = "tap/"
  private static let gradientPrefix = "tap.gradient/"

  /// The program whose entry also returns the statistics.
  package static func apply(_ program: Program, _ entry: EntryName) throws -> Program {
    var writer = EntryWriter(program, entry)
    var names: Set<String> = []
    for (index, node) in writer.trace.graph.nodes.enumerated() {
      guard let tap = node.operation as? Tap, node.types[0].element.isFloatingPoint else {
        continue
      }
      writer.trace.origin = Origin(path: node.origin.path, phase: node.origin.phase)
      let name = unique(Self.name(tap, node.origin.path), &names)
      writer.addResult(name, Tensor(writer.trace, Value(node: index)).tapStatistics)
    }
    return try writer.finished()
  }

  private static func name(_ tap: Tap, _ path: String) -> String {
    (tap.isGradient ? gradientPrefix : prefix) + (path.isEmpty ? tap.label : "\(path).\(tap.label)")
  }

  /// A module that is called twice taps twice.
  private static func unique(_ name: String, _ names: inout Set<String>) -> String {
    var (result, number) = (name, 1)
    while !names.insert(result).inserted {
      number += 1
      result = "\(name).\(number)"
    }
    return result
  }

  /// The name of a tapped value and whether it is a gradient; nil for other results.
  static func tapped(_ result: String) -> (name: String, isGradient: Bool)? {
    if result.hasPrefix(gradientPrefix) {
      return (String(result.dropFirst(gradientPrefix.count)), true)
    }
    return result.hasPrefix(prefix) ? (String(result.dropFirst(prefix.count)), false) : nil
  }
}

extension Tensor {
  /// Seven statistics, and for each bin of a histogram how many elements are not below it: a float64 vector.
  ///
  /// Mean, deviation, smallest, largest; numbers of zeros, of elements that are not finite, and of all.
  fileprivate var tapStatistics: Tensor {
    let x = converted(to: .float64)
    let isFinite = x.unary(.absolute).compare(.less, x.filled(with: .infinity))
    let finiteCount = isFinite.count
    let some = finiteCount.maximum(finiteCount.filled(with: 1))
    let mean = isFinite.select(x, x.filled(with: 0)).sum() / some
    let distance = isFinite.select(x - mean.everywhere(x), x.filled(with: 0))
    let deviation = ((distance * distance).sum() / some).squareRoot()
    let minimum = isFinite.select(x, x.filled(with: .infinity)).reduced(.minimum, nil)
    let maximum = isFinite.select(x, x.filled(with: -.infinity)).largest()
    let all = mean.filled(with: Double(type.elementCount))
    let zeros = x.compare(.equal, x.filled(with: 0)).count
    let scalars = [mean, deviation, minimum, maximum, zeros, all - finiteCount, all]
    let counts = x.counts(from: minimum, to: maximum, isFinite)
    return Tensor.concatenated(scalars.map { $0.reshaped([1]) } + [counts], along: 0)
  }

  /// How many elements of a Boolean tensor are true.
  private var count: Tensor { converted(to: .int32).sum().converted(to: .float64) }

  private func everywhere(_ other: Tensor) -> Tensor { broadcast(to: other.shape, dimensions: []) }

  /// For each bin from a smallest to a largest number, how many finite elements are not below its lower edge.
  private func counts(from minimum: Tensor, to maximum: Tensor, _ isFinite: Tensor) -> Tensor {
    let bins = TapReport.binCount
    let shares = Tensor((0..<bins).map { Double($0) / Double(bins) }, element: .float64)
    let edges = minimum.everywhere(shares) + shares * (maximum - minimum).everywhere(shares)
    let places = Array(1...max(1, rank)).prefix(rank)
    let wide = broadcast(to: [bins] + shape, dimensions: Array(places))
    let isKnown = isFinite.broadcast(to: [bins] + shape, dimensions: Array(places))
    let isAbove = wide.compare(
      .greaterOrEqual, edges.broadcast(to: [bins] + shape, dimensions: [0]))
    let marks = isAbove.select(
      isKnown.converted(to: .int32), isKnown.converted(to: .int32).filled(with: 0))
    return (rank == 0 ? marks : marks.sum(Array(places))).converted(to: .float64)
  }
}
