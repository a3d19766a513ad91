import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Foundation
import Testing

/// Every transport, with every algorithm, does every collective as the serial computation does it, bit for bit.
///
/// `DEEPEP_SEED` repeats the random cases of a run, and `DEEPEP_CASES` asks for more than a few of them. `make laws` also
/// takes the numbers of ranks that a usual run leaves out.
@Suite struct ConformanceTests {
  private static let seed = number("DEEPEP_SEED") ?? Int.random(in: 0..<1 << 30)

  private static let rankCounts =
    ProcessInfo.processInfo.environment["DEEPEP_LAWS"] == "all" ? Array(1...8) : [1, 2, 3, 5, 8]

  private static func number(_ variable: String) -> Int? {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
  }

  /// Every combination, and some in each way of parting the ranks into groups.
  private static func table(_ transport: TestTransport, _ rankCount: Int) -> [CollectiveLaw.Part] {
    var table = CaseTable(turn: rankCount)
    table.kinds = transport.kinds
    var parts = [CollectiveLaw.Part(.all, table.full)]
    if rankCount == 3 || rankCount == 8 { parts.append(.init(.all, table.large)) }
    for (index, shape) in GroupShape.allCases.dropFirst().enumerated() where rankCount > 1 {
      table.turn = rankCount + 8 * index
      parts.append(.init(shape, table.pairs))
    }
    return parts
  }

  private static func draws(_ transport: TestTransport, _ rankCount: Int) -> [CollectiveLaw.Part] {
    GroupShape.allCases.enumerated().map { index, shape in
      var draws = CaseTable(turn: seed + 64 * index + rankCount)
      draws.kinds = transport.kinds
      return .init(shape, draws.random(number("DEEPEP_CASES") ?? 12))
    }
  }

  @Test(arguments: TestTransport.all, rankCounts)
  func collectivesAreTheSerialComputation(_ transport: TestTransport, _ rankCount: Int) throws {
    let law = CollectiveLaw(
      Self.table(transport, rankCount) + Self.draws(transport, rankCount))
    for places in transport.layouts(rankCount) {
      let run = "DEEPEP_SEED=\(Self.seed), hosts \(places)"
      do {
        let outcomes = try transport.run(places: places) { try law.outcomes($0) }
        let byRank = Dictionary(uniqueKeysWithValues: outcomes.enumerated().map { ($0, $1) })
        let problems = law.problems(byRank, transport.algorithm, places: places)
        let first = problems.prefix(10).joined(separator: "\n")
        #expect(problems.isEmpty, "\(run): \(problems.count) problems\n\(first)")
      } catch {
        Issue.record("\(run): \(error)")
      }
    }
  }

  /// What a rank gets does not depend on the run.
  @Test(arguments: TestTransport.all)
  func everyRunHasTheSameBits(_ transport: TestTransport) throws {
    let law = CollectiveLaw(Self.draws(transport, 8))
    let runs = try (0..<3).map { _ in try transport.run(rankCount: 8) { try law.outcomes($0) } }
    #expect(Set(runs).count == 1, "DEEPEP_SEED=\(Self.seed)")
  }

  /// Of each transport, whatever the seed.
  @Test(arguments: TestTransport.all)
  func everyValueOfEveryAxisOccurs(_ transport: TestTransport) {
    var found: Set<[String]> = []
    for rankCount in 1...8 {
      for part in Self.table(transport, rankCount) {
        for subject in part.cases {
          found.formUnion(Self.values(subject, part.shape, rankCount))
        }
      }
    }
    let missing = transport.kinds.flatMap(Self.wanted).filter { !found.contains($0) }
    #expect(missing == [])
  }

  /// What a case covers: its place in the full table, its groups, and the values of its other axes.
  private static func values(
    _ subject: CollectiveCase, _ shape: GroupShape, _ rankCount: Int
  ) -> [[String]] {
    let kind = subject.kind.rawValue
    let type = [kind, subject.element.rawValue]
    let combination = type + [subject.reduction?.rawValue ?? "", "\(subject.count)"]
    let groups = type + [shape.rawValue, "\(rankCount) ranks"]
    let axes = subject.axes.map { [kind, $0, $1] }
    return [combination, combination + ["\(rankCount) ranks"], groups] + axes
  }

  private static func wanted(_ kind: CollectiveCase.Kind) -> [[String]] {
    let axes = CollectiveCase.axes(of: kind).flatMap { axis, values in
      values.map { [kind.rawValue, axis, $0] }
    }
    guard kind != .barrier else { return axes }
    return axes
      + ElementType.allCases.flatMap { element -> [[String]] in
        let type = [kind.rawValue, element.rawValue]
        let combinations = CollectiveCase.reductions(kind, element).flatMap { reduction in
          CaseTable.counts.flatMap { count -> [[String]] in
            let combination = type + [reduction?.rawValue ?? "", "\(count)"]
            // Large ones come with some number of ranks.
            return count > 1000 ? [combination] : (1...8).map { combination + ["\($0) ranks"] }
          }
        }
        let groups = GroupShape.allCases.flatMap { shape in
          (2...8).map { type + [shape.rawValue, "\($0) ranks"] }
        }
        return combinations + groups
      }
  }
}
