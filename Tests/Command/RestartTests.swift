import DeepEPCommunicationLinks
import Foundation
import Testing

/// `deepep launch --restarts`: a job goes on after it has lost ranks in the middle of a step.
@Suite(.tags(.process)) struct RestartTests {
  /// What a rank of the first start does to itself once some steps were made.
  private func script(
    _ harm: String, rank: Int, afterStep step: Int = 10, name: String = "run"
  ) -> String {
    let log = "\(name).jsonl"
    let wait = "while [ ! -e \(log) ] || [ $(wc -l < \(log)) -lt \(step) ]; do :; done"
    return "if [ $DEEPEP_RANK.$DEEPEP_RESTART = \(rank).0 ]; then (\(wait); \(harm)) & fi; "
      + "exec \"$PROGRAM\" \"$@\""
  }

  /// Steps long enough for the harm to come in time, also on a busy machine.
  private static let length = ["--steps", "40", "--gradient-accumulation", "16"]
  private static let steps = length + ["--checkpoint-every", "5", "--dropout", "0.1"]

  /// Expects one restart, and the losses of a run that nothing has disturbed.
  private func expectSameCurve(
    _ run: RankJob.Ending, _ words: String..., as alone: RankJob.Ending,
    location: Testing.SourceLocation = #_sourceLocation
  ) {
    #expect(run.status == 0, "\(run.errors)", sourceLocation: location)
    let lines = run.errors.split(separator: "\n").filter { $0.contains(": restart ") }
    #expect(lines.count == 1, "\(run.errors)", sourceLocation: location)
    for word in words {
      #expect(lines.first?.contains(word) == true, "\(run.errors)", sourceLocation: location)
    }
    #expect(run.losses.count == 40, "\(run.losses)", sourceLocation: location)
    #expect(distance(run.numbers, alone.numbers) <= 1e-5, "\(run.losses)", sourceLocation: location)
    #expect(run.validation == alone.validation, sourceLocation: location)
  }

  @Test func theRanksThatAreLeftGoOn() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let alone = try job.train(Self.steps, name: "alone")
      let killed = try job.train(
        ranks: 4, Self.steps + ["--strategy", "data=4,zero=1"], launch: ["--restarts", "2"],
        script: script("kill -9 $$", rank: 2))
      expectSameCurve(
        killed, "rank 2 is lost: restart 1 of 2 with 2 ranks instead of 4, from step ",
        "(run/step-", as: alone)
      let stopped = try job.train(
        ranks: 2, Self.steps + ["--strategy", "data=2,zero=3"], name: "stopped",
        launch: ["--restarts", "1"], script: script("kill -STOP $$", rank: 1, name: "stopped"))
      expectSameCurve(
        stopped, "rank 1 is lost: restart 1 of 1 with 1 rank instead of 2, from step ", as: alone)
    }
  }

  /// The supervisor of a host dies, and its two ranks with it.
  @Test func theHostsThatAreLeftGoOn() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let alone = try job.train(Self.steps, name: "alone")
      let run = try job.train(
        ranks: 4, Self.steps + ["--strategy", "data=2,tensor=2,zero=1"],
        launch: ["--restarts", "1"] + LaunchedJob.twoHosts(in: folder),
        script: script("kill -9 $PPID", rank: 3))
      expectSameCurve(
        run, "ranks 2, 3 are lost: restart 1 of 1 with 2 ranks instead of 4, from step ", as: alone)
    }
  }

  /// The network between two hosts is cut in the middle of a step, also for what stands in for ssh.
  @Test(.enabled(if: LinkLaboratory.refusal == nil, "network namespaces are forbidden here"))
  func theHostThatIsNotCutOffGoesOn() throws {
    try withFolder { folder in
      let alone = try RankJob(in: folder).train(Self.steps, name: "alone")
      let links = try LinkLaboratory(hostCount: 2, megabitsPerSecond: 1000, delaySeconds: 1e-4)
      let hosts = try LaboratoryAgent(links, in: folder)
      defer { hosts.finish() }
      var job = try RankJob(in: folder)
      job.network = links.networkPath(0)
      let log = folder.appendingPathComponent("run.jsonl")
      let cut = Thread {
        while (try? String(contentsOf: log, encoding: .utf8).count { $0 == "\n" }) ?? 0 < 10 {
          usleep(1000)
        }
        links.setConnected(1, false)
      }
      cut.start()
      let run = try job.train(
        ranks: 2, Self.steps + ["--strategy", "data=2"], launch: ["--restarts", "1"] + hosts.words)
      expectSameCurve(
        run, "rank 1 is lost: restart 1 of 1 with 1 rank instead of 2, from step ", as: alone)
    }
  }

  /// Ranks that share layers cannot be fewer, and there may be no checkpoint yet.
  @Test func theSameRanksBeginAgain() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let alone = try job.train(Self.length, name: "alone")
      let run = try job.train(
        ranks: 2, Self.length + ["--strategy", "tensor=2"], launch: ["--restarts", "1"],
        script: script("kill -9 $$", rank: 0, afterStep: 3))
      expectSameCurve(
        run, "with 2 ranks again, from the beginning, since there is no checkpoint yet", as: alone)
    }
  }

  @Test func thereAreNoMoreRestartsThanAsked() throws {
    try withFolder { folder in
      let job = try LaunchedJob(
        [
          "launch", "-n", "2", "--restarts", "2", "--", "sh", "-c",
          "sleep 0.$DEEPEP_RANK; kill -9 $$",
        ],
        in: folder)
      #expect(job.status() == 137)
      let lines = job.errors.split(separator: "\n")
      #expect(lines.count { $0.contains(": restart ") } == 2, "\(job.errors)")
      #expect(lines.last?.hasSuffix("started again 2 times, as often as it may") == true)
    }
  }

  /// What ranks say themselves would be the same the next time.
  @Test func anErrorOfTheProgramIsNoLoss() throws {
    try withFolder { folder in
      let run = try RankJob(in: folder).train(
        ranks: 2, ["--strategy", "data=4"], launch: ["--restarts", "3"])
      #expect(run.status == 1 && run.errors.contains("the strategy needs 4 ranks"))
      #expect(!run.errors.contains(": restart "), "\(run.errors)")
    }
  }

  /// Without restarts the job ends, and names the rank on all others.
  @Test(arguments: ["KILL", "STOP"]) func withoutRestartsTheJobEnds(_ signal: String) throws {
    try withFolder { folder in
      let run = try RankJob(in: folder).train(
        ranks: 2, Self.steps + ["--strategy", "data=2"],
        script: script("kill -\(signal) $$", rank: 1))
      #expect(run.status != 0 && run.losses.count < 40, "\(run.errors)")
      #expect(run.errors.contains("[0] error: rank 1 (host "), "\(run.errors)")
      #expect(!run.errors.contains(": restart "), "\(run.errors)")
      #expect(!run.tensors.isEmpty, "the last checkpoint is whole")
    }
  }
}
