import DeepEPCommunication
import DeepEPElements
import DeepEPTraining
import Glibc

/// `deepep ranks`: says who takes part in a job, and shows that all ranks reach one another.
struct Ranks {
  var seconds = 0.0

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "ranks", summary: "Join a job and say which ranks it has, and where.", defaults: Ranks(),
      parameters: [
        .option("seconds", \.seconds, .nonNegativeNumber, "stay for so long")
      ],
      examples: ["--seconds 60"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let control = try Job.join { notice in
      try? TerminalOutput.error.write("deepep: \(notice)\n")
    }
    let names = try control.exchange(Array("\(getpid())".utf8), as: "process")
    let membership = control.membership
    try output.write(
      "\(membership.name(of: membership.rank)) of \(membership.rankCount.counted("rank")) on "
        + "\(membership.hosts.count) hosts\n")
    if membership.rank == 0 { try output.write(list(membership, names)) }
    try stay(control)
    control.leave()
  }

  private func list(_ membership: Membership, _ processes: [[UInt8]]) -> String {
    membership.hosts.enumerated().map { number, ranks in
      let list = ranks.map { "\($0) (process \(String(decoding: processes[$0], as: UTF8.self)))" }
      let member = membership.members[ranks[0]]
      return
        "host \(number) \(member.hostName) \(member.address): \(list.joined(separator: ", "))\n"
    }.joined()
  }

  /// Stays in the job, and throws its failure as soon as there is one.
  private func stay(_ control: any JobControl) throws {
    var rest = seconds
    while rest > 0 {
      try control.check()
      let step = min(rest, 0.005)
      usleep(UInt32(step * 1e6))
      rest -= step
    }
    _ = try control.exchange([], as: "end")
  }
}
