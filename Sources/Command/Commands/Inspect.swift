import DeepEPCompute
import DeepEPModels
import DeepEPPlans
import DeepEPStorage
import DeepEPTargets
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms

/// `deepep inspect`: the text of a program after any transform, of its kernels, its plan and its memory.
struct Inspect {
  /// How far the program is taken.
  enum Stage: String, CaseIterable {
    case trace, gradient, expand, bound, precision, partition, simplify, chunk, rematerialize,
      bucket, fuse, order, kernels, plan, memory
  }

  var model = NamedModel.gptTiny
  var stage = Stage.plan
  var entry: EntryName?
  var strategy = Strategy()
  var svg: String?

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "inspect", summary: "Show a model's program after a transform, its kernels, plan or memory.",
      defaults: Inspect(),
      parameters: [
        .positional("model", \.model, .model, "one of 'deepep models'", isRequired: true),
        .option("after", \.stage, .choice, "the transform"),
        .option("entry", \.entry, .choice, "show only this entry"),
        .option("strategy", \.strategy, .strategy, "show the program of one rank of it"),
        .option("svg", \.svg, .picture, "a picture of what lies where in memory, and when"),
      ],
      examples: [
        "gpt-tiny --after fuse --entry step", "gpt-tiny --after kernels --entry step",
        "gpt2-124m --after memory --svg memory.svg",
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
    guard svg == nil || [.plan, .memory].contains(stage) else {
      throw UsageError(
        "--svg needs a plan, which there is not after \(stage.rawValue)", fix: "leave --after out")
    }
    switch stage {
    case .plan, .memory: try write(Plan(program, for: CPUDevice()), to: output)
    case .kernels: try output.write(program.kernelText(entry: entry))
    default:
      try output.write(entry.flatMap { program.entry($0)?.description } ?? program.description)
    }
  }

  private func write(_ plan: Plan, to output: TerminalOutput) throws {
    let map = MemoryMap(plan, entry ?? .step)
    try output.write(stage == .plan ? plan.text(entry: entry) : map?.text() ?? "")
    if let svg, let map { try AtomicFile.write(svg, text: MemoryPicture(map).text) }
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
