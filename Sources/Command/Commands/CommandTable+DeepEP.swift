import DeepEPTraining

extension CommandTable {
  /// The commands of `deepep`.
  package static func deepep(output: TerminalOutput) -> CommandTable {
    let own = [
      Train.command(output: output), Generate.command(output: output),
      Inspect.command(output: output), PlanCommand.command(output: output),
      PeakTable.command(output: output), Benchmark.command(output: output),
      Baseline.command(output: output), Ranks.command(output: output),
      Export.command(output: output), Models.command(output: output),
      Replay.command(output: output), Doctor.command(output: output),
    ]
    let all = own + [Launch.command(commands: own.map(\.name))]
    return CommandTable(
      summary: "DeepEP trains neural networks.", version: Release.name,
      commands: all + [CompletionCommand.command(of: all, output: output)])
  }
}
