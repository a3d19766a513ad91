import Foundation
import Testing

/// Training on several processes gives what one process gives.
@Suite(.tags(.process)) struct RankTrainingTests {
  /// Twenty losses within 1e-5 of one rank's, the same held-out loss, and whole tensors in the checkpoint; where
  /// all cases run, the same bits the second time.
  @Test func everyStrategyLiesOnTheCurveOfOneRank() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let steps = ["--steps", "20", "--dropout", "0.1"]
      let alone = try job.train(steps)
      #expect(alone.status == 0 && alone.losses.count == 20, "\(alone.errors)")
      for place in RankPlace.all {
        for strategy in place.strategies {
          let name = "\(strategy), \(place)"
          let options = steps + ["--strategy", strategy, "--communication", place.transport]
          let launch = place.hasTwoHosts ? try LaunchedJob.twoHosts(in: folder) : []
          let run = try job.train(ranks: place.ranks, options, name: "ranks", launch: launch)
          #expect(run.status == 0, "\(name): \(run.errors)")
          #expect(distance(run.numbers, alone.numbers) <= 1e-5, "\(name): \(run.losses)")
          #expect(run.validation == alone.validation && run.validation != nil, "\(name)")
          #expect(
            run.tensors.mapValues(\.count) == alone.tensors.mapValues(\.count), "\(name)")
          #expect(run.output.split(separator: "\n").allSatisfy { $0.hasPrefix("[0] ") }, "\(name)")
          guard RankPlace.isEverything || place.repeated == strategy else { continue }
          let second = try job.train(ranks: place.ranks, options, name: "ranks", launch: launch)
          #expect(second.losses == run.losses && second.tensors == run.tensors, "\(name)")
        }
      }
    }
  }

  /// Between hosts gradients are rounded, on one host they are not; a checkpoint holds no more than any other.
  @Test func gradientsAreCompressedBetweenHosts() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let steps = ["--steps", "20", "--strategy"]
      let exact = try job.train(ranks: 2, steps + ["data=2"], name: "exact")
      let here = try job.train(ranks: 2, steps + ["data=2,compress=int8"], name: "here")
      #expect(here.losses == exact.losses && here.losses.count == 20, "\(here.errors)")
      let hosts = try LaunchedJob.twoHosts(in: folder)
      for strategy in ["data=2,compress=bf16", "data=2,zero=1,compress=int8"] {
        let run = try job.train(ranks: 2, steps + [strategy], name: "hosts", launch: hosts)
        let furthest = distance(run.numbers, exact.numbers)
        #expect(furthest > 1e-6 && furthest < 2e-2, "\(strategy): \(furthest) \(run.errors)")
        #expect(run.tensors.mapValues(\.count) == exact.tensors.mapValues(\.count))
      }
    }
  }

  /// What the ranks did is one file, in which each of them has its lanes.
  @Test func aTraceShowsAllRanks() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let options = ["--steps", "3", "--strategy", "data=2", "--communication", "tcp"]
      let run = try job.train(ranks: 2, options + ["--trace", "trace.json"])
      #expect(run.status == 0, "\(run.errors)")
      let text = try String(
        contentsOf: folder.appendingPathComponent("trace.json"), encoding: .utf8)
      for rank in 0..<2 {
        let lines = text.split(separator: "\n").filter { $0.contains("\"pid\":\(rank),") }
        for name in ["step 3", "wait", "all-reduce"] {
          #expect(lines.contains { $0.contains("\"name\":\"\(name)\"") }, "rank \(rank): \(name)")
        }
      }
      let other = try job.train(["--steps", "1", "--trace", "trace.txt"])
      #expect(other.status != 0 && other.errors.contains(".svg"), "\(other.errors)")
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
      let resume = ["--resume", "first"]
      let four = ["--strategy", "data=2,tensor=2,zero=1"]
      let none = ["--steps", "20", "--time-limit", "1e-9"]
      let same = try job.train(ranks: 4, none + four + resume, name: "same")
      #expect(same.status == 75 && same.losses == [], "\(same.errors)")
      #expect(same.tensors == first.tensors && !first.tensors.isEmpty)
      let alone = try job.train(
        ["--steps", "20", "--strategy", "data=1"] + resume, name: "alone")
      let other = try job.train(ranks: 4, ["--steps", "20"] + four + resume, name: "other")
      #expect(other.losses.count == 10, "\(other.errors)")
      #expect(distance(other.numbers, alone.numbers) <= 1e-5, "\(other.losses)")
    }
  }
}
