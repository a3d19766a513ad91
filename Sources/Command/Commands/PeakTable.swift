import DeepEPModels
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms

/// `deepep peaks`: the memory that the plans of all models take, as `Tests/Command/peaks.txt` has it.
struct PeakTable {
  /// The strategies of which there are plans.
  private static let plans: [(model: NamedModel, strategy: Strategy)] = [
    (.gptTiny, Strategy()), (.gptTiny, Strategy(data: 2, tensor: 2, zero: 2)),
    (.gpt2Small, Strategy()), (.gpt2Small, Strategy(data: 2, zero: 1)),
    (.llamaTiny, Strategy()), (.llamaTiny, Strategy(data: 2, tensor: 2, zero: 2)),
    (.gpt3, Strategy(data: 16, tensor: 8, zero: 1)),
  ]

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "peaks", summary: "Print the bytes that the plans of all models take, entry by entry.",
      defaults: PeakTable(), parameters: [], examples: [""]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    try output.write(
      Self.row.text(["model", "strategy", "entry", "slots", "values", "in use at once"]))
    for (model, strategy) in Self.plans {
      for row in try Self.rows(model, strategy) { try output.write(Self.row.text(row)) }
    }
  }

  /// A row for each entry; workspaces are not counted, since they differ between processors.
  private static func rows(_ model: NamedModel, _ strategy: Strategy) throws -> [[String]] {
    let program = try model.job.program()
    let target = MachineTable.twoCores
    let rank = try Program.lowering(strategy, for: target).reduce(program) { try $1.apply($0) }
    let plan = try Plan(rank, for: target)
    return plan.segments.map { segment in
      let numbers = [plan.stateBytes, segment.valueBytes, segment.liveBytes].map(String.init)
      return [model.rawValue, strategy.description, segment.name.rawValue] + numbers
    }
  }

  private static let row = TableRow(widths: [10, 24, 11, 14, 14, 14], leftCount: 3)
}
