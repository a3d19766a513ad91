import DeepEPCommunication
import DeepEPCompute
import DeepEPEvents
import DeepEPModels
import DeepEPStorage
import DeepEPTraining
import DeepEPTransforms
import FoundationEssentials

/// `deepep benchmark`: runs a fixed job and reports how fast it was.
struct Benchmark {
  var subject = BenchmarkSubject.model(.gptTiny)
  var bytes = 64 << 20
  var ranks: Int?
  var communication: CommunicationTransport?
  var algorithm: CollectiveAlgorithm?
  var algorithms: String?
  var wire = WireFormat.exact
  var rounds: Int?
  var precision: Precision?
  var strategy = Strategy()
  var isWeak = false
  var batch: Int?
  var context: Int?
  var width: Int?
  var tokens: String?
  var threads: Int?
  var vectors: VectorLimit?
  var kernelCache = KernelCache.standard
  var steps = 6
  var ablates = false
  var isJSON = false
  var probes = false
  var showsEvents = false
  var measuresEvents = false

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "benchmark", summary: "Run a fixed job or a collective and report its speed.",
      defaults: Benchmark(),
      parameters: [
        .positional("name", \.subject, .subject, "the job or the collective", isRequired: true),
        .option("precision", \.precision, .precision, "the element type to compute in"),
        .option("strategy", \.strategy, .strategy, "how a job is spread over the ranks"),
        .flag("weak", \.isWeak, "give every data-parallel rank a batch of its own").seldom,
        .option("batch", \.batch, .positiveInteger, "sequences of a batch, instead of the job's"),
        .option("context", \.context, .positiveInteger, "tokens of a sequence"),
        .option("width", \.width, .positiveInteger, "width of the model, in heads of equal width"),
        .option(
          "tokens", \.tokens, .path, "a file of int32 tokens, context + 1 for each sequence"
        ).seldom,
        .option("threads", \.threads, .positiveInteger, "threads of a rank; by default its cores")
          .seldom,
        .option("vectors", \.vectors, .choice, "the widest vectors to use, if not the widest")
          .seldom,
        .option("kernel-cache", \.kernelCache, .kernelCache, "where compiled kernels are kept")
          .seldom,
        .option(
          "steps", \.steps, .naturalNumber, "steps to run; 0 opens the device and stops"),
        .flag("ablate", \.ablates, "leave out each optimisation in turn, and say what it is worth"),
        .flag("probe", \.probes, "measure the peak of multiply-adds, before and after"),
        .flag("json", \.isJSON, "end with one line of JSON"),
        .flag("events", \.showsEvents, "say where the time of the last step went"),
        .flag("event-cost", \.measuresEvents, "say what it costs to time every instruction").seldom,
      ] + collectiveParameters,
      examples: [
        "gpt-tiny", "gpt2-124m --steps 5 --json", "gpt-tiny --ablate", "all-reduce --ranks 2",
        "communication --algorithms algorithms.json", "wait --communication ucx",
      ]
    ) { options in try options.run(output: output) }
  }

  /// What only collectives have.
  private static var collectiveParameters: [Parameter<Benchmark>] {
    [
      .option("bytes", \.bytes, .positiveInteger, "bytes of a collective"),
      .option("ranks", \.ranks, .positiveInteger, "threads of this process, for a collective"),
      .option("communication", \.communication, .choice, "how ranks reach one another").seldom,
      .option("algorithm", \.algorithm, .choice, "how ranks that exchange messages sum").seldom,
      .option(
        "algorithms", \.algorithms, .path,
        "table that says which algorithm is taken; the one that communication writes"
      ).seldom,
      .option("wire", \.wire, .choice, "how numbers of an all-reduce travel between hosts").seldom,
      .option("rounds", \.rounds, .positiveInteger, "how often a collective is timed"),
    ]
  }

  func run(output: TerminalOutput) throws {
    switch subject {
    case .model(let model): try run(model, output: output)
    case .collective(let collective):
      var benchmark = CollectiveBenchmark(
        collective: collective, byteCount: bytes, threadCount: ranks,
        communication: communication ?? .sharedMemory, isJSON: isJSON)
      (benchmark.wire, benchmark.roundCount) = (wire, rounds)
      benchmark.messages = try messageOptions()
      try benchmark.run(output: output)
    case .communication:
      let benchmark = AlgorithmBenchmark(
        communication: communication ?? .tcp, byteLimit: bytes, path: algorithms,
        roundCount: rounds ?? 5)
      try benchmark.run(output: output)
    case .wait:
      let benchmark = WaitBenchmark(
        communication: communication ?? .tcp, roundCount: rounds ?? 3, isJSON: isJSON)
      try benchmark.run(output: output)
    }
  }

  private func messageOptions() throws -> MessageOptions? {
    guard algorithm == nil || algorithms == nil else {
      throw UsageError("--algorithm and --algorithms are both given", fix: "give one of them")
    }
    guard algorithm != nil || algorithms != nil else { return nil }
    var options = MessageOptions()
    if let algorithm { options.algorithms = AlgorithmTable(algorithm) }
    if let algorithms {
      options.algorithms = try AlgorithmFile(path: algorithms).table(place: algorithms)
    }
    return options
  }

  private func run(_ model: NamedModel, output: TerminalOutput) throws {
    var job = try model.job.resized(batch: batch, context: context, width: width)
    if isWeak { job.batchSize *= strategy.data }
    if ablates {
      let ablation = Ablation(job, spread.precision, threads: threads, steps: max(steps, 2))
      return try ablation.run(named: model.rawValue, output: output)
    }
    if measuresEvents {
      let cost = EventCost(job, spread.precision, threads: threads, pairs: steps)
      return try cost.run(named: model.rawValue, output: output)
    }
    let ranks = try JoinedJob()
    var fitting = self
    fitting.strategy = ranks.fitted(spread)
    try ranks.run { try fitting.run(job, named: model.rawValue, in: ranks, output) }
  }

  /// The strategy with the precision that was asked for.
  private var spread: Strategy {
    var strategy = strategy
    strategy.precision = precision ?? strategy.precision
    return strategy
  }

  private func run(
    _ job: TrainingJob, named name: String, in ranks: JoinedJob, _ output: TerminalOutput
  ) throws {
    let loader: any BatchLoader = try tokens.map { try BatchFile($0, for: job) } ?? job.loader()
    let meeting = try RankMeeting(
      in: ranks, strategy: spread, transport: communication, loader: loader)
    let device = try CPUDevice(
      threadCount: threads ?? ranks.threadCount,
      kernels: KernelLibrary(cache: kernelCache, vectorLimit: vectors), links: meeting.links)
    let probe = probes ? try MultiplyAddProbe(compiler: device.compiler, pool: device.pool) : nil
    var report = BenchmarkReport(name, spread, device)
    report.probe(probe)
    // Only the first rank speaks.
    let output = ranks.isFirst ? output : nil
    if steps > 0 { try run(job, loader, on: device, meeting, &report, output) }
    report.probe(probe)
    try output?.write(isJSON ? report.json() + "\n" : report.text)
  }

  private func run(
    _ job: TrainingJob, _ loader: any BatchLoader, on device: CPUDevice, _ meeting: RankMeeting,
    _ report: inout BenchmarkReport, _ output: TerminalOutput?
  ) throws {
    let session = try session(job, on: device, meeting, output)
    report.planned(session.plan)
    for step in 1...steps {
      let start = Clock.seconds
      let loss = try session.step(loader)
      report.stepSeconds.append(Clock.seconds - start)
      report.losses.append(loss)
      if step == 1 { report.firstStepSeconds = Clock.secondsSinceLaunch }
      // One write each: whoever times steps from outside reads these lines.
      try output?.write(
        "step \(step)/\(steps) loss \(Quantity.fixed(loss, 5)) \(report.lastStep)\n")
    }
    let flops = session.contractionFlops * Double(spread.rankCount)
    report.finish(itemsPerStep: job.tokensPerStep, flopsPerStep: flops)
    report.communicationShare = session.executor.events.communicationShare
    report.addPhases(of: session.executor.events.recent)
    if showsEvents { try output?.write(EventTable(session.executor.events.recent).text) }
  }

  private func session(
    _ job: TrainingJob, on device: CPUDevice, _ meeting: RankMeeting, _ output: TerminalOutput?
  ) throws -> TrainingSession {
    var phases = StartPhases()
    let traced = try ProgramBuilder.traced(job.model, .crossEntropy, inputs: job.inputs)
    phases.end("trace")
    let program = try job.builder(spread).completed(traced)
    phases.end("differentiate")
    let others = try meeting.ranks(for: program)
    if others != nil { phases.end("meet") }
    let session = try TrainingSession(program, strategy: spread, on: device, ranks: others)
    try meeting.check(session.plan)
    phases.end("lower and reserve")
    try session.prepare()
    phases.end("compile")
    try session.initialize()
    phases.end("initialise")
    if !isJSON { try output?.write(phases.line) }
    return session
  }
}

/// How long the parts of a start took.
private struct StartPhases {
  private var last = Clock.seconds
  private var phases: [String] = ["launch \(Quantity.fixed(Clock.secondsSinceLaunch, 2)) s"]

  mutating func end(_ name: String) {
    let now = Clock.seconds
    phases.append("\(name) \(Quantity.fixed(now - last, 2)) s")
    last = now
  }

  var line: String { "start   \(phases.joined(separator: ", "))\n" }
}
