import DeepEPElements
import DeepEPTensors

/// A device described by few figures: its peak of arithmetic, its memory bandwidth, and its links.
///
/// An operation takes as long as the slower of the two (Williams, Waterman, Patterson: Roofline, 2009).
package struct MachineTable: Target, Hashable, Codable, Sendable {
  /// Its name.
  package var name: String
  /// Floating-point operations per second in float32.
  package var flopsPerSecond: Double
  /// Bytes per second from memory.
  package var bytesPerSecond: Double
  /// How ranks reach one another.
  package var links: Links

  /// Describes a device.
  package init(name: String, flopsPerSecond: Double, bytesPerSecond: Double, links: Links) {
    self.name = name
    self.flopsPerSecond = flopsPerSecond
    self.bytesPerSecond = bytesPerSecond
    self.links = links
  }

  /// Two cores of a server processor with vectors of 256 bits; ranks share its memory.
  package static let twoCores = MachineTable(
    name: "two cores", flopsPerSecond: 180e9, bytesPerSecond: 25e9,
    links: Links(Link(latencySeconds: 2e-6, bytesPerSecond: 10e9)))

  /// As many of such cores, which share the bandwidth of ``twoCores``.
  package static func cores(_ count: Int) -> MachineTable {
    var table = twoCores
    table.name = "\(count) cores"
    table.flopsPerSecond *= Double(count) / 2
    return table
  }

  private func overwritable(_ operation: any Operation, _ operands: [Type]) -> [Int: [Int]] {
    switch operation {
    case let region as Region: region.overwritableOperands(operands)
    case let contraction as Contraction: contraction.overwritableOperands
    default: [:]
    }
  }

  package func choice(
    for operation: any Operation, operands: [Type], results: [Type]
  ) -> KernelChoice {
    let flops = operation.factors(operands: operands, results: results).flops
    let bytes = (operands + results).reduce(0) { $0 + $1.byteCount }
    return KernelChoice(
      kernel: operation.name,
      overwritable: overwritable(operation, operands),
      seconds: max(flops / flopsPerSecond, Double(bytes) / bytesPerSecond))
  }
}
