import DeepEPCommunication
import DeepEPCompute
import DeepEPTransforms

/// The job that this process takes part in, as one of its ranks: joined when this is made, left when it goes.
///
/// A process that no launcher started is a job of its own, with one rank.
package final class JoinedJob {
  /// Who takes part, and what has failed.
  package let control: any JobControl
  private let notice: (String) -> Void

  /// Joins the job of the environment, and returns when all its ranks have.
  ///
  /// - Throws: ``CommunicationError`` if that cannot be.
  package convenience init() throws {
    self.init(try Job.join(notice: Self.notice), notice: Self.notice)
  }

  private static let notice: @Sendable (String) -> Void = {
    try? TerminalOutput.error.write("deepep: \($0)\n")
  }

  /// Takes over a job that was joined.
  ///
  /// - Parameter notice: told what a person should know.
  package init(_ control: any JobControl, notice: @escaping (String) -> Void = { _ in }) {
    (self.control, self.notice) = (control, notice)
  }

  deinit { if control.failure == nil { control.leave() } }

  /// The number of ranks.
  package var rankCount: Int { control.rankCount }
  /// Whether this is the rank that speaks for all, and writes files.
  package var isFirst: Bool { control.rank == 0 }
  /// How many threads this rank has unless told otherwise: its share of the host's.
  package var threadCount: Int {
    max(1, Processor().logicalCoreCount / control.membership.localRanks.count)
  }

  /// How the ranks reach one another unless told otherwise; the first one says why.
  ///
  /// Collective over all of them.
  func chosenTransport() throws -> CommunicationTransport {
    let choice = try TransportChoice(control)
    if isFirst, rankCount > 1 { notice("\(choice)") }
    return choice.transport
  }

  /// What the first rank says, on all ranks; collective over them.
  ///
  /// - Throws: the job's failure; on the first rank what `text` throws.
  package func told(_ name: String, _ text: () throws -> String?) throws -> String? {
    guard rankCount > 1 else { return try text() }
    let own = isFirst ? try text() ?? "" : ""
    let heard = String(decoding: try control.exchange(Array(own.utf8), as: name)[0], as: UTF8.self)
    return heard.isEmpty ? nil : heard
  }

  /// The strategy of ranks that were started in place of more: with as many data-parallel ranks as there are now.
  ///
  /// Any other job must have the ranks that its strategy needs.
  package func strategy(from strategy: Strategy) -> Strategy {
    guard control.restart != nil else { return strategy }
    return strategy.shrunk(toRankCount: rankCount) ?? strategy
  }

  /// The strategy without compression if no ranks of different hosts add their gradients.
  package func fitted(_ strategy: Strategy) -> Strategy {
    // A strategy for other ranks is an error of its own, later.
    guard strategy.compression != .none, max(strategy.data, strategy.tensor) <= rankCount,
      strategy.rankCount == rankCount
    else { return strategy }
    let isLocal = control.membership.hosts.allSatisfy { host in
      host.allSatisfy {
        Set(strategy.mesh.group(of: $0, along: [.host, .data])).isSubset(of: host)
      }
    }
    var fitted = strategy
    if isLocal { fitted.compression = .none }
    return fitted
  }

  /// Runs this rank's part; if that throws, all other ranks hear why, and throw too.
  ///
  /// - Throws: what `body` throws; the job's failure if that came first.
  package func run<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as CommunicationError {
      throw control.fail(error)
    } catch {
      if rankCount > 1 { control.fail(told(error)) }
      throw error
    }
  }

  /// An error as the other ranks hear of it.
  private func told(_ error: any Error) -> CommunicationError {
    let lines = "\(error)".split(separator: "\n", maxSplits: 1).map(String.init)
    let fix = lines.dropFirst().first.map { String($0.drop { $0 == " " }) }
    return CommunicationError(
      lines.first ?? "", at: control.membership.name(of: control.rank),
      fix: fix ?? "see what that rank has written")
  }
}
