import DeepEPCompute
import DeepEPModels
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms

/// `deepep inspect`: the text of a program after any transform, and of its plan.
struct Inspect {
  /// How far the program is taken.
  enum Stage: String, CaseIterable {
    case trace, gradient, expand, bound, precision, partition, simplify, chunk, rematerialize,
      bucket, fuse, order, kernels, plan
  }

  var model = NamedModel.gptTiny
  var stage = Stage.plan
  var entry: EntryName?
  var strategy = Strategy()

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "inspect", summary: "Show a model's program after a transform, or its plan.",
      defaults: Inspect(),
      parameters: [
        .positional("model", \.model, .model, "one of 'deepep models'", isRequired: true),
        .option("after", \.stage, .choice, "the transform"),
        .option("entry", \.entry, .choice, "show only this entry"),
        .option("strategy", \.strategy, .strategy, "show the program of one rank of it"),
      ],
      examples: [
        "gpt-tiny --after fuse --entry step", "gpt2-124m --after plan",
        "gpt-tiny --strategy data=2,tensor=2,zero=3 --after partition",
      ]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let job = model.job
    var program = try ProgramBuilder.traced(job.model, .crossEntropy, inputs: job.inputs)
    if stage != .trace {
      var builder = ProgramBuilder(optimizer: job.optimizer)
      builder.compression = strategy.compression
      program = try builder.completed(program)
    }
    try strategy.check(program)
    for transform in Program.lowering(strategy, for: MachineTable.twoCores)
    where isReached(transform.name) {
      program = try program.applying([transform])
    }
    switch stage {
    case .plan:
      let plan = try Plan(program, for: CPUDevice())
      try output.write(plan.text(entry: entry))
    case .kernels: try output.write(program.kernelText(entry: entry))
    default:
      try output.write(entry.flatMap { program.entry($0)?.description } ?? program.description)
    }
  }

  /// Whether a transform is before the stage or the stage itself.
  private func isReached(_ name: TransformName) -> Bool {
    guard let stop = TransformName(rawValue: stage.rawValue) else { return true }
    let order = TransformName.allCases
    return (order.firstIndex(of: name) ?? 0) <= (order.firstIndex(of: stop) ?? 0)
  }
}

extension Program {
  /// The loop nests of all regions, as people read them.
  fileprivate func kernelText(entry: EntryName?) -> String {
    entries.filter { entry == nil || $0.name == entry }.flatMap { entry in
      entry.graph.nodes.enumerated().compactMap { index, node in
        (node.operation as? Region).map { "\(entry.name.rawValue) %\(index) \($0.loopText)\n" }
      }
    }.joined(separator: "\n")
  }
}
