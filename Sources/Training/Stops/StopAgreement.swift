import DeepEPCommunication
import DeepEPEvents
import DeepEPExecution

/// Lets all ranks of a run stop after the same step, whichever of them was asked to.
///
/// They compare by a collective, now and then: about twice a second, and after every step of long ones. When, they
/// agree on too.
struct StopAgreement {
  private let request: StopRequest
  private let ranks: RankCommunicators?
  private var nextStep = 0
  private var last: (step: Int, seconds: Double)

  private static var intervalSeconds: Double { 0.5 }

  /// To be made by all ranks before their first step.
  init(_ request: StopRequest, among ranks: RankCommunicators?, atStep step: Int) {
    (self.request, self.ranks, last) = (request, ranks, (step, Clock.seconds))
    request.stepsBegin()
  }

  /// Why the run stops before the step that would come next; nil if it does not.
  ///
  /// - Parameter step: the number of steps made.
  mutating func reason(afterStep step: Int) throws -> StopRequest.Reason? {
    guard let ranks else { return request.reason }
    guard step >= nextStep else { return nil }
    let now = Clock.seconds
    let count = step - last.step
    let stepSeconds = count > 0 ? (now - last.seconds) / Double(count) : Self.intervalSeconds
    let own = [Int64(request.reason?.rawValue ?? 0), Int64(stepSeconds * 1e6)]
    let largest = try Self.largest(own, among: ranks.all)
    last = (step, now)
    nextStep = step + max(1, Int(Self.intervalSeconds * 1e6) / max(1, Int(largest[1])))
    return StopRequest.Reason(rawValue: Int(largest[0]))
  }

  private static func largest(_ own: [Int64], among ranks: any Communicator) throws -> [Int64] {
    var largest = own
    try own.withUnsafeBytes { source in
      try largest.withUnsafeMutableBytes {
        try ranks.allReduce(source, into: $0, element: .int64, reduction: .maximum)
      }
    }
    return largest
  }
}
