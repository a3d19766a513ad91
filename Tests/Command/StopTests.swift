import Foundation
import Testing

/// A run that is asked to stop finishes its step, writes a checkpoint, and can go on from it.
@Suite(.tags(.process)) struct StopTests {
  /// Starts a program without what a shell that runs the tests in the background has ignored: env(1).
  private static let environment = "/usr/bin/env"
  private static let endless = ["--steps", "10000000", "--schedule", "constant"]

  /// Starts something in the background that waits for some lines of a log, and then does something.
  private func after(_ count: Int, linesOf log: String, _ action: String) -> String {
    let wait = "while [ ! -e \(log) ] || [ $(wc -l < \(log)) -lt \(count) ]; do sleep 0.01; done"
    return "(\(wait); \(action)) & "
  }

  /// Expects that a run was stopped, and returns after how many steps.
  private func stopped(
    _ run: RankJob.Ending, by reason: String, location: Testing.SourceLocation = #_sourceLocation
  ) throws -> Int {
    #expect(run.status == 75, "\(run.status) \(run.errors)", sourceLocation: location)
    let line = try #require(
      run.output.firstMatch(of: /stopped by (.+) after step (\d+) of 10000000: saved (\S+)   \(/),
      "\(run.output) \(run.errors)", sourceLocation: location)
    #expect(line.1 == reason, sourceLocation: location)
    let step = try #require(Int(line.2), sourceLocation: location)
    #expect(line.3 == "run/step-\(step)", sourceLocation: location)
    #expect(run.losses.count == step && step > 0, sourceLocation: location)
    #expect(!run.tensors.isEmpty, sourceLocation: location)
    return step
  }

  /// The run goes on to the losses of one that was not stopped, bit for bit.
  @Test(arguments: [("INT", "Ctrl-C"), ("TERM", "SIGTERM"), ("USR1", "SIGUSR1"), ("HUP", "SIGHUP")])
  func aSignalStopsARun(_ signal: String, _ reason: String) throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let script = after(3, linesOf: "run.jsonl", "kill -\(signal) $$") + "exec \"$@\""
      let run = try job.train(
        by: Self.environment, ["--default-signal", "sh", "-c", script, "sh"], variables: [:],
        Self.endless, name: "run")
      let step = try stopped(run, by: reason)
      let more = ["--steps", "\(step + 5)", "--schedule", "constant"]
      let resumed = try job.train(["--resume", "run"] + more, name: "more")
      #expect(resumed.status == 0 && resumed.losses.count == 5, "\(resumed.errors)")
      let alone = try job.train(more, name: "alone")
      #expect(alone.losses == run.losses + resumed.losses)
      #expect(alone.tensors == resumed.tensors && !alone.tensors.isEmpty)
    }
  }

  @Test func aTimeLimitStopsARun() throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let run = try job.train(Self.endless + ["--time-limit", "0.5s"])
      _ = try stopped(run, by: "the time limit")
      let wrong = try job.train(["--time-limit", "soon"])
      #expect(wrong.status == 2 && wrong.errors.contains("expected a time such as"))
    }
  }

  /// `head` ends after its last line, and with it the run, in good order.
  @Test func aRunEndsWhenNobodyReadsItsOutput() throws {
    try withFolder { folder in
      _ = try RankJob(in: folder)
      let words = ["train", "text.txt", "--validate-every", "1"] + RankJob.small + Self.endless
      let script = "{ \"$@\"; echo $? > status; } | head -7"
      let job = try LaunchedJob(
        ["-c", script, "sh", CommandRun.executable.path] + words, in: folder, program: "/bin/sh")
      #expect(job.status() == 0 && job.lines.count == 7, "\(job.output)")
      let status = folder.appendingPathComponent("status")
      #expect(try String(contentsOf: status, encoding: .utf8) == "75\n")
      let line = try #require(
        job.errors.firstMatch(of: /which nobody reads any more, after step (\d+) of/),
        "\(job.errors)"
      )
      let saved = folder.appendingPathComponent("runs/text-1/step-\(line.1)")
      #expect(FileManager.default.fileExists(atPath: saved.path))
    }
  }

  /// Who does not want to wait for the step interrupts again.
  @Test func aSecondInterruptEndsAtOnce() throws {
    try withFolder { folder in
      _ = try RankJob(in: folder)
      let job = try LaunchedJob(
        [
          "--default-signal", CommandRun.executable.path, "train", "text.txt",
          "--gradient-accumulation", "3000",
        ] + Self.endless,
        in: folder, program: Self.environment)
      while !job.output.contains("memory"), job.process.isRunning { usleep(10_000) }
      usleep(300_000)
      kill(job.process.processIdentifier, SIGINT)
      usleep(300_000)
      #expect(job.process.isRunning, "\(job.output)")
      kill(job.process.processIdentifier, SIGINT)
      #expect(job.status() == 128 + SIGINT && !job.output.contains("stopped by"))
    }
  }

  /// The launcher passes the signal on, or one rank alone has it: all stop after the same step.
  @Test(arguments: ["the launcher", "rank 1"])
  func allRanksStopTogether(_ target: String) throws {
    try withFolder { folder in
      let job = try RankJob(in: folder)
      let action =
        target == "rank 1"
        ? "if [ $DEEPEP_RANK = 1 ]; then kill -USR1 $$; fi"
        : "if [ $DEEPEP_RANK = 0 ]; then kill -USR1 $(ps -o ppid= -p $PPID); fi"
      let run = try job.train(
        ranks: 2, Self.endless + ["--strategy", "data=2"],
        script: after(3, linesOf: "run.jsonl", action) + "exec \"$PROGRAM\" \"$@\"")
      let step = try stopped(run, by: "SIGUSR1")
      #expect(run.errorLines.isEmpty, "\(run.errors)")
      let more = ["--resume", "run", "--steps", "\(step + 2)", "--strategy", "data=1"]
      let resumed = try job.train(more, name: "more")
      #expect(resumed.status == 0 && resumed.losses.count == 2, "\(resumed.errors)")
    }
  }
}
