import Foundation
import Testing

/// What does not fit on some ranks, or on all, is one clear error on every rank, before the first step.
@Suite(.tags(.process)) struct RankInputTests {
  /// Expects that no step was made, and an error on every rank that holds all words.
  private func expectErrors(
    _ ending: RankJob.Ending, ranks: Int, _ words: String...,
    location: Testing.SourceLocation = #_sourceLocation
  ) {
    #expect(ending.status == 1, "\(ending.errors)", sourceLocation: location)
    #expect(ending.losses == [] && ending.tensors == [:], sourceLocation: location)
    for rank in 0..<ranks {
      let line = ending.errorLines.first { $0.hasPrefix("[\(rank)] error: ") } ?? ""
      for word in words {
        #expect(line.contains(word), "\(ending.errors)", sourceLocation: location)
      }
    }
    #expect(!ending.errors.contains("crashed"), sourceLocation: location)
  }

  @Test func theStrategyNeedsOtherRanks() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      expectErrors(
        try job.train(ranks: 2, ["--strategy", "data=4"]), ranks: 2,
        "the strategy needs 4 ranks, there are 2")
      let alone = try job.train(["--strategy", "data=2"])
      #expect(alone.status == 1 && alone.errors.contains("deepep launch -n 2"), "\(alone.errors)")
    }
  }

  /// Ranks without a strategy share the batch, also those that go on with the run of another number.
  @Test func ranksShareTheBatchUnlessTold() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      for (ranks, steps, resume) in [(2, "2", []), (1, "3", ["--resume", "run"])] {
        let run = try job.train(
          ranks: ranks, ["--steps", steps] + resume, name: "run\(resume.isEmpty ? "" : "-2")")
        #expect(run.status == 0 && run.output.contains("step \(steps)/\(steps)"), "\(run.errors)")
        #expect(run.output.contains("2 ranks (data=2)") == (ranks == 2), "\(run.output)")
      }
    }
  }

  @Test func theBatchDoesNotSplit() throws {
    try withFolder { folder in
      let ending = try RankJob(in: folder).train(
        ranks: 3, [])
      expectErrors(ending, ranks: 3, "a batch of 4 does not split 3 ways")
      #expect(ending.errors.contains("make the batch a multiple of 3"), "\(ending.errors)")
    }
  }

  @Test func theMeshDoesNotFitTheModel() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      expectErrors(
        try job.train(ranks: 3, ["--strategy", "tensor=3"]), ranks: 3, "4 heads do not split 3 ways"
      )
      expectErrors(
        try job.train(ranks: 2, ["--strategy", "tensor=2,zero=1"]), ranks: 2,
        "ZeRO shares state among data-parallel ranks, and there is one")
    }
  }

  /// Two ranks, of which rank 1 does something before it starts: sets MORE options, other words or another PROGRAM.
  private func differing(
    _ change: String, from more: String = "", in folder: URL
  ) throws -> RankJob.Ending {
    let script =
      "STRATEGY=data=2; MORE='\(more)'; if [ $DEEPEP_RANK = 1 ]; then \(change); fi; "
      + "exec \"$PROGRAM\" \"$@\" --strategy $STRATEGY $MORE"
    return try RankJob(in: folder).train(ranks: 2, [], script: script)
  }

  @Test func ranksSeeOtherData() throws {
    try withFolder { folder in
      // As many characters of the same alphabet, in another order.
      let other = String(RankJob.text.reversed())
      try Data(other.utf8).write(to: folder.appendingPathComponent("other.txt"))
      let change = "rm -rf here; mkdir here; cp other.txt here/text.txt; cd here"
      expectErrors(try differing(change, in: folder), ranks: 2, "the data is", "on rank 1")
    }
  }

  @Test func ranksHaveOtherStrategies() throws {
    try withFolder { folder in
      expectErrors(
        try differing("STRATEGY=data=2,zero=1", in: folder), ranks: 2,
        "the strategy is 'data=2' on rank 0 and 'data=2,zero=1' on rank 1")
    }
  }

  @Test func ranksRunOtherPrograms() throws {
    try withFolder { folder in
      expectErrors(
        try differing("MORE='--steps 7'", from: "--steps 8", in: folder), ranks: 2, "the program",
        "on rank 1")
      let copy = "cp \"$PROGRAM\" ./other; echo 12345678 >> ./other; PROGRAM=./other"
      expectErrors(try differing(copy, in: folder), ranks: 2, "the executable is", "on rank 1")
    }
  }

  @Test(arguments: [
    (
      "set -- $(echo \"$@\" | sed 's/--batch 4/--batch 8/')",
      "the batch is 4 examples on rank 0"
    ),
    // It is that of the order of examples.
    ("MORE='--seed 7'", "the data is"),
    ("MORE='--communication tcp'", "communication is 'auto' on rank 0 and 'tcp' on"),
    (
      "MORE='--checkpoint-every 3'",
      "the number of steps between checkpoints is 0 on rank 0 and 3 on rank 1"
    ),
  ])
  func ranksHaveOtherOptions(_ change: String, _ text: String) throws {
    try withFolder { folder in
      expectErrors(try differing(change, in: folder), ranks: 2, text)
    }
  }

  /// One rank goes on from a checkpoint, the other begins.
  @Test func ranksGoOnFromOtherCheckpoints() throws {
    try withFolder { folder in
      let first = try RankJob(in: folder).train(["--steps", "1"], name: "first")
      #expect(first.status == 0, "\(first.errors)")
      let change = "MORE='--steps 2 --resume first'"
      expectErrors(
        try differing(change, from: "--steps 2", in: folder), ranks: 2,
        "the checkpoint to resume from is none on rank 0 and first on rank 1")
    }
  }

  /// Jobs look for a measured table of algorithms by themselves.
  @Test func theTableOfAlgorithmsIsDamaged() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let place = folder.appendingPathComponent("none/deepep")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try Data("{".utf8).write(to: place.appendingPathComponent("algorithms.json"))
      let options = ["--strategy", "data=2", "--communication"]
      expectErrors(
        try job.train(ranks: 2, options + ["tcp"]), ranks: 2,
        "the table of algorithms cannot be used", "algorithms.json")
      let other = try job.train(ranks: 2, options + ["shared-memory", "--steps", "1"])
      #expect(other.status == 0, "\(other.errors)")
    }
  }

  /// Rank 1 cannot read its text: the others hear of it.
  @Test func oneRankHasNoData() throws {
    try withFolder { folder in
      let change = "rm -rf empty; mkdir empty; cd empty"
      expectErrors(try differing(change, in: folder), ranks: 2, "text.txt")
    }
  }
}
