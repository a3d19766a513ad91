import DeepEPCommunication
import DeepEPElements
import DeepEPModels
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms

/// `deepep plan`: what a strategy costs each rank of a model, before anything runs.
struct PlanCommand {
  var model = NamedModel.gptTiny
  var strategy = Strategy()
  var ranks: Int?
  var communication: CommunicationTransport?

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "plan", summary: "Say what a strategy takes on each rank: memory, communication and time.",
      defaults: PlanCommand(),
      parameters: [
        .positional("model", \.model, .model, "one of 'deepep models'", isRequired: true),
        .option("strategy", \.strategy, .strategy, "how the run is spread over ranks"),
        .option("ranks", \.ranks, .positiveInteger, "the number of ranks that there are"),
        .option("communication", \.communication, .choice, "how ranks reach one another"),
      ],
      examples: [
        "gpt2-124m --strategy data=2,zero=2", "gpt3-175b --strategy data=16,tensor=8,zero=1",
      ]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let program = try model.job.program(strategy)
    try strategy.check(program, rankCount: ranks)
    var target = MachineTable.twoCores
    let transport = communication ?? .sharedMemory
    target.links = transport.links
    // Verifying a program as large as GPT-3's takes longer than making it.
    let rank = try Program.lowering(strategy, for: target).reduce(program) { try $1.apply($0) }
    let schedule = Schedule(program, microBatches: 1)
    let plan = try Plan(rank, for: target)
    try output.write(text(RankBytes(program, plan, strategy, schedule)))
    let forecast = StepForecast(plan, schedule, links: target.links, mesh: strategy.mesh)
    try output.write(text(forecast, target, transport))
  }

  private func text(
    _ forecast: StepForecast, _ target: MachineTable, _ transport: CommunicationTransport
  ) -> String {
    let (step, exposed) = (forecast.seconds, forecast.exposedSeconds)
    let waits =
      strategy.rankCount == 1
      ? "" : ", of which \(Quantity.fixed(exposed, 4)) s wait for \(transport.rawValue)"
    return "  a step on \(target.name) is expected to take \(Quantity.fixed(step, 3)) s\(waits)\n"
  }

  private func text(_ bytes: RankBytes) -> String {
    let rows: [(String, Int)] = [
      ("parameters", bytes.parameters), ("gradients", bytes.gradients),
      ("optimizer", bytes.optimizer), ("activations", bytes.activations),
      ("communication", bytes.communication),
    ]
    let head =
      "\(model.rawValue), \(strategy): \(strategy.rankCount.counted("rank")); bytes per rank\n"
    let lines = rows.map { name, bytes in
      "  \(name.padded(to: 24)) \(Quantity.bytes(bytes))\n"
    }
    let details = bytes.collectives.sorted { $0.key < $1.key }.map { name, bytes in
      "    \(name.padded(to: 22)) \(Quantity.bytes(bytes))\n"
    }
    return head + lines.joined() + details.joined()
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
