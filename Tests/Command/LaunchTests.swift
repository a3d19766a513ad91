import Foundation
import Testing

/// `deepep launch` with real processes.
@Suite(.tags(.process)) struct LaunchTests {
  @Test func aDeepepCommandRunsOnAllRanks() throws {
    try withFolder { folder in
      let job = try LaunchedJob(["launch", "-n", "4", "--", "ranks"], in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      let processes = try job.processes(4)
      #expect(Set(processes).count == 4)
      for rank in 0..<4 {
        let start = "[\(rank)] rank \(rank) (host "
        #expect(job.lines.contains { $0.hasPrefix(start) && $0.hasSuffix("of 4 ranks on 1 hosts") })
      }
      let table = (0..<4).map { "\($0) (process \(processes[$0]))" }.joined(separator: ", ")
      #expect(job.lines.contains { $0.hasPrefix("[0] host 0 ") && $0.hasSuffix(": \(table)") })
      #expect(job.errors == "")
    }
  }

  @Test func anythingElseRunsAsItIs() throws {
    try withFolder { folder in
      let script = "echo $DEEPEP_RANK of $DEEPEP_RANK_COUNT; echo odd >&2; printf end; pwd > here"
      let job = try LaunchedJob(["launch", "-n", "2", "sh", "-c", script], in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.sorted() == ["[0] 0 of 2", "[0] end", "[1] 1 of 2", "[1] end"])
      #expect(job.errors.split(separator: "\n").sorted() == ["[0] odd", "[1] odd"])
      let here = try String(contentsOf: folder.appendingPathComponent("here"), encoding: .utf8)
      #expect(here.hasSuffix("\(folder.lastPathComponent)\n"))
    }
  }

  @Test func theFirstFailureIsTheStatusOfTheJob() throws {
    try withFolder { folder in
      let script = "if [ $DEEPEP_RANK = 1 ]; then exit 7; fi; exec sleep 3456"
      let job = try LaunchedJob(["launch", "-n", "3", "--", "sh", "-c", script], in: folder)
      #expect(job.status() == 7)
      #expect(job.errors.hasPrefix("deepep launch: rank 1 ended with status 7; the job ends\n"))
      #expect(try LaunchedJob.isGone("3456"))
    }
  }

  @Test func whatCannotBeStartedIsNamed() throws {
    try withFolder { folder in
      let job = try LaunchedJob(["launch", "-n", "1", "no-such-program"], in: folder)
      #expect(job.status() == 127)
      #expect(job.errors.contains("cannot run 'no-such-program': No such file or directory"))
    }
  }

  @Test func aKilledRankIsNamedOnAllRanks() throws {
    try withFolder { folder in
      let job = try LaunchedJob(["launch", "-n", "4", "ranks", "--seconds", "60"], in: folder)
      let processes = try job.processes(4)
      kill(processes[2], SIGKILL)
      #expect(job.status() == 137)
      for rank in [0, 1, 3] {
        let start = "[\(rank)] error: rank 2 (host "
        let line = job.errors.split(separator: "\n").first { $0.hasPrefix(start) }
        #expect(
          line?.contains("process \(processes[2])) was killed by signal 9 (Killed)") == true,
          "\(job.errors)")
      }
      for rank in 0..<4 {
        #expect(job.errors.contains("[0]     rank \(rank) (host "), "\(job.errors)")
      }
    }
  }

  @Test func aStoppedRankIsNamedOnAllRanks() throws {
    try withFolder { folder in
      let job = try LaunchedJob(["launch", "-n", "3", "ranks", "--seconds", "61"], in: folder)
      let processes = try job.processes(3)
      kill(processes[0], SIGSTOP)
      #expect(job.status() != 0)
      for rank in [1, 2] {
        #expect(job.errors.contains("[\(rank)] error: rank 0 (host "), "\(job.errors)")
      }
      #expect(job.errors.contains(" s: its process is stopped ("), "\(job.errors)")
      #expect(kill(processes[0], 0) == -1)
    }
  }

  /// A stop that ends before the limit is no failure.
  @Test func aShortStopIsNoFailure() throws {
    try withFolder { folder in
      let job = try LaunchedJob(["launch", "-n", "2", "ranks", "--seconds", "2"], in: folder)
      let processes = try job.processes(2)
      kill(processes[1], SIGSTOP)
      usleep(800_000)
      kill(processes[1], SIGCONT)
      #expect(job.status() == 0, "\(job.errors)")
    }
  }

  /// As nohup(1) starts it, a job stays when its terminal goes.
  @Test func anIgnoredHangUpStaysIgnored() throws {
    try withFolder { folder in
      let rank = "kill -HUP $(ps -o ppid= -p $PPID); sleep 0.2; echo here"
      let words = [CommandRun.executable.path, "launch", "-n", "1", "--", "sh", "-c", rank]
      for (setting, status) in [("trap '' HUP", Int32(0)), ("trap - HUP", 128 + SIGHUP)] {
        let job = try LaunchedJob(
          ["--default-signal", "sh", "-c", "\(setting); exec \"$@\"", "sh"] + words, in: folder,
          program: "/usr/bin/env")
        #expect(
          job.status() == status && job.output.contains("here") == (status == 0), "\(job.errors)")
      }
    }
  }

  /// Children of ranks, and theirs, in groups and sessions of their own.
  @Test(arguments: ["3457", "3458"])
  func nothingStaysBehindALauncherThatIsKilled(_ word: String) throws {
    try withFolder { folder in
      let script = "sleep \(word) & setsid sleep \(word) & exec sleep \(word)"
      let job = try LaunchedJob(["launch", "-n", "2", "--", "sh", "-c", script], in: folder)
      while try LaunchedJob.count(of: word) < 6 { usleep(10_000) }
      if word == "3457" {
        kill(job.process.processIdentifier, SIGKILL)
        _ = job.status()
      } else {
        kill(job.process.processIdentifier, SIGTERM)
        #expect(job.status() == 143)
      }
      #expect(try LaunchedJob.isGone(word))
    }
  }

  /// Two "hosts" that an agent reaches, as ssh would.
  @Test func ranksOfSeveralHosts() throws {
    try withFolder { folder in
      let hosts = try LaunchedJob.twoHosts(in: folder, "echo to $1 >> \(folder.path)/reached")
      let job = try LaunchedJob(["launch", "-n", "3"] + hosts + ["ranks"], in: folder)
      #expect(job.status() == 0, "\(job.errors)")
      #expect(job.lines.contains { $0.hasPrefix("[0] host 0 left 127.0.0.1: 0 (process") })
      #expect(job.lines.contains { $0.hasPrefix("[0] host 1 right 127.0.0.1: 2 (process") })
      let reached = try String(
        contentsOf: folder.appendingPathComponent("reached"), encoding: .utf8)
      #expect(reached.split(separator: "\n").sorted() == ["to left", "to right"])
    }
  }

  @Test func anAgentThatFailsIsNamed() throws {
    try withFolder { folder in
      let start = ["launch", "-n", "2", "--hosts", "far", "--address", "127.0.0.1", "--agent"]
      let absent = try LaunchedJob(start + ["false", "ranks"], in: folder)
      #expect(absent.status() == 1)
      #expect(
        absent.errors.contains(
          "host far: its supervisor or agent ended with status 1, with ranks 0, 1"),
        "\(absent.errors)")
      let odd = try LaunchedJob(start + ["echo Welcome to", "ranks"], in: folder)
      #expect(odd.status() != 0)
      #expect(odd.errors.contains("host far: what started there is no supervisor"), "\(odd.errors)")
    }
  }

  @Test(arguments: [
    (["-n", "2", "--hosts", "a,b", "ranks"], "say by --address"),
    (["-n", "3", "--hosts", "a:1,b:1", "--address", "127.0.0.1", "ranks"], "name more hosts"),
    (["-n", "2"], "COMMAND is missing"), (["-n", "0", "ranks"], "-n: expected a positive"),
    (["--port", "70000", "ranks"], "there is no port 70000"),
    (["--hosts", "a", "--host-file", "b", "ranks"], "give one of them"),
    (["--host-file", "/nowhere", "ranks"], "the file of hosts cannot be read (/nowhere)"),
  ])
  func mistakesAreNamed(_ arguments: [String], _ text: String) throws {
    try withFolder { folder in
      let run = try CommandRun(["launch"] + arguments, in: folder)
      #expect(run.status != 0 && run.errors.contains(text), "\(run.errors)")
    }
  }

  @Test func aTakenPortIsNamed() throws {
    try withFolder { folder in
      let first = try LaunchedJob(
        ["launch", "-n", "1", "--port", "28461", "ranks", "--seconds", "3"], in: folder)
      _ = try first.processes(1)
      let second = try CommandRun(["launch", "--port", "28461", "ranks"], in: folder)
      #expect(second.status == 1)
      #expect(second.errors.contains("port 28461 is taken by another process"), "\(second.errors)")
      #expect(first.status() == 0)
    }
  }
}
