import Foundation
import Testing

/// Training on several processes gives what one process gives.
@Suite(.tags(.process)) struct RankTrainingTests {
  private static let strategies: [(ranks: Int, strategy: String, transports: [String])] = [
    (2, "data=2", ["shared-memory", "tcp", "ucx"]), (2, "data=2,zero=3", ["shared-memory", "tcp"]),
    (2, "tensor=2,sequence-parallel", ["shared-memory", "tcp"]),
    (4, "data=4,zero=2", ["shared-memory"]), (4, "data=2,tensor=2,zero=1", ["tcp"]),
  ]

  /// Twenty losses within 1e-5 of one rank's, the same held-out loss, and whole tensors in the checkpoint.
  @Test func everyStrategyLiesOnTheCurveOfOneRank() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let steps = ["--steps", "20", "--dropout", "0.1"]
      let alone = try job.train(steps)
      #expect(alone.status == 0 && alone.losses.count == 20, "\(alone.errors)")
      for (ranks, strategy, transports) in Self.strategies {
        for transport in transports {
          let name = "\(strategy), \(transport)"
          let options = steps + ["--strategy", strategy, "--communication", transport]
          let run = try job.train(ranks: ranks, options, name: "ranks")
          #expect(run.status == 0, "\(name): \(run.errors)")
          #expect(distance(run.numbers, alone.numbers) <= 1e-5, "\(name): \(run.losses)")
          #expect(run.validation == alone.validation && run.validation != nil, "\(name)")
          #expect(
            run.tensors.mapValues(\.count) == alone.tensors.mapValues(\.count), "\(name)")
          #expect(run.output.split(separator: "\n").allSatisfy { $0.hasPrefix("[0] ") }, "\(name)")
        }
      }
    }
  }

  @Test func aRunRepeatsBitForBit() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      for (ranks, transport) in [(4, "shared-memory"), (2, "tcp")] {
        let options = [
          "--steps", "20", "--strategy", "data=2,tensor=\(ranks / 2),zero=1",
          "--communication", transport,
        ]
        let first = try job.train(ranks: ranks, options)
        let second = try job.train(ranks: ranks, options)
        #expect(first.losses.count == 20 && first.losses == second.losses, "\(first.errors)")
        #expect(first.tensors == second.tensors)
      }
    }
  }

  /// What two ranks have written four go on from, and one, to the same losses; and without a step between, the
  /// tensors are the same bit for bit.
  @Test func aCheckpointGoesOnUnderAnyStrategy() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let first = try job.train(
        ranks: 2, ["--steps", "10", "--strategy", "data=2,zero=3"], name: "first")
      #expect(first.status == 0 && first.losses.count == 10, "\(first.errors)")
      let resume = ["--resume", "first.safetensors"]
      let four = ["--strategy", "data=2,tensor=2,zero=1"]
      let same = try job.train(ranks: 4, ["--steps", "10"] + four + resume, name: "same")
      #expect(same.status == 0 && same.losses == [], "\(same.errors)")
      #expect(same.tensors == first.tensors && !first.tensors.isEmpty)
      let alone = try job.train(["--steps", "20"] + resume, name: "alone")
      let other = try job.train(ranks: 4, ["--steps", "20"] + four + resume, name: "other")
      #expect(other.losses.count == 10, "\(other.errors)")
      #expect(distance(other.numbers, alone.numbers) <= 1e-5, "\(other.losses)")
    }
  }
}
