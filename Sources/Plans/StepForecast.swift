import DeepEPTargets
import DeepEPTensors

/// How long a step is expected to take, and how much of it passes in waiting for communication.
///
/// Two clocks run through a plan: that of the device, and that of the links, on which collectives that go on
/// beside compute follow one another.
package struct StepForecast: Hashable, Sendable {
  /// The time of a step.
  package private(set) var seconds = 0.0
  /// The part of it in which the device waits for other ranks.
  package private(set) var exposedSeconds = 0.0
  private var linksAreFreeAt = 0.0
  private let links: Links
  private let mesh: Mesh

  /// Forecasts a step of a rank.
  package init(_ plan: Plan, _ schedule: Schedule, links: Links, mesh: Mesh) {
    (self.links, self.mesh) = (links, mesh)
    for call in schedule.calls {
      if let segment = plan.segment(call.entry) { run(segment.instructions) }
    }
  }

  private mutating func run(_ instructions: [Instruction]) {
    var ends: [Int: Double] = [:]
    for (index, instruction) in instructions.enumerated() {
      for other in instruction.waits { wait(until: ends[other] ?? 0) }
      guard let transfer = transferSeconds(instruction) else {
        seconds += instruction.predictedSeconds
        continue
      }
      linksAreFreeAt = max(seconds, linksAreFreeAt) + transfer
      ends[index] = linksAreFreeAt
      if !instruction.isBeside { wait(until: linksAreFreeAt) }
    }
    wait(until: ends.values.max() ?? 0)
  }

  private mutating func wait(until end: Double) {
    exposedSeconds += max(0, end - seconds)
    seconds = max(seconds, end)
  }

  /// How long the links need for a collective; nil for other instructions.
  private func transferSeconds(_ instruction: Instruction) -> Double? {
    guard let collective = instruction.operation as? any Collective else { return nil }
    let bytes = collective.byteCount(instruction.operandTypes, instruction.resultTypes)
    return links.seconds(collective.exchange, byteCount: bytes, over: collective.axes, of: mesh)
  }
}
