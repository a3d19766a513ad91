import DeepEPTraining
import Glibc

/// The executable `deepep`.
@main struct Main {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if let status = InnerCommand.run(arguments) { exit(status) }
    exit(EntryPoint.run { try table(output: .standard).run(arguments, output: .standard) })
  }

  private static func table(output: TerminalOutput) -> CommandTable {
    let commands = [
      Train.command(output: output), Generate.command(output: output),
      Inspect.command(output: output), PlanCommand.command(output: output),
      PeakTable.command(output: output), Benchmark.command(output: output),
      Baseline.command(output: output), Ranks.command(output: output),
      Export.command(output: output), Models.command(output: output),
      Replay.command(output: output),
      Doctor.command(output: output),
    ]
    return CommandTable(
      summary: "DeepEP trains neural networks.",
      commands: commands + [Launch.command(commands: commands.map(\.name))])
  }
}
