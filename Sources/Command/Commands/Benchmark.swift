import DeepEPCompute
import DeepEPEvents
import DeepEPTraining
import FoundationEssentials

/// `deepep benchmark`: runs a fixed job and reports how fast it was.
struct Benchmark {
  var workload = Workload.gptTiny
  var precision = Precision.float32
  var threads: Int?
  var steps = 6
  var isJSON = false
  var showsEvents = false

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "benchmark", summary: "Run a fixed job and report its speed, memory and losses.",
      defaults: Benchmark(),
      parameters: [
        .positional("name", \.workload, .choice, "the job", isRequired: true),
        .option("precision", \.precision, .choice, "the element type to compute in"),
        .option("threads", \.threads, .positiveInteger, "threads to use; by default all cores"),
        .option("steps", \.steps, .positiveInteger, "steps to run"),
        .flag("json", \.isJSON, "end with one line of JSON"),
        .flag("events", \.showsEvents, "say where the time of the last step went"),
      ],
      examples: ["gpt-tiny", "gpt2-124m --steps 5 --json"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let device = try CPUDevice(threadCount: threads)
    let probe = try MultiplyAddProbe(compiler: device.compiler, pool: device.pool)
    let before = probe.gigaflops()
    var phases = StartPhases()
    let loader = try workload.loader()
    let traced = try ProgramBuilder.traced(workload.model, .crossEntropy, inputs: loader.inputs)
    phases.end("trace")
    let program = try ProgramBuilder(optimizer: workload.optimizer).completed(traced)
    phases.end("differentiate")
    let session = try TrainingSession(program, on: device)
    phases.end("lower")
    try session.prepare()
    phases.end("compile")
    try session.initialize()
    phases.end("initialise")
    if !isJSON { try output.write(phases.line) }
    var report = BenchmarkReport(workload, precision, device)
    report.planPeakBytes = session.plan.peakBytes
    for step in 1...steps {
      let start = Clock.seconds
      let loss = try session.step(loader)
      report.stepSeconds.append(Clock.seconds - start)
      report.losses.append(loss)
      if step == 1 { report.firstStepSeconds = Clock.secondsSinceLaunch }
      if !isJSON {
        try output.write(
          "step \(step)/\(steps) loss \(Quantity.fixed(loss, 5)) \(report.lastStep)\n")
      }
    }
    report.finish(
      itemsPerStep: workload.batchSize * workload.configuration.context,
      flopsPerStep: session.contractionFlops, probes: [before, probe.gigaflops()])
    if showsEvents { try output.write(EventTable(session.executor.events.recent).text) }
    try output.write(isJSON ? report.json() + "\n" : report.text)
  }
}

/// How long the parts of a start took.
private struct StartPhases {
  private var last = Clock.seconds
  private var phases: [String] = [
    "launch and probe \(Quantity.fixed(Clock.secondsSinceLaunch, 2)) s"
  ]

  mutating func end(_ name: String) {
    let now = Clock.seconds
    phases.append("\(name) \(Quantity.fixed(now - last, 2)) s")
    last = now
  }

  var line: String { "start   \(phases.joined(separator: ", "))\n" }
}
