import DeepEPElements
import DeepEPEvents
import DeepEPPlans
import DeepEPProfiling
import DeepEPStorage

/// Says how a run goes: memory and kernels before the first step, a line for steps, at the end where the time went.
package struct TrainingLog {
  private let session: TrainingSession
  private let speedUnit: SpeedUnit
  private let unitsPerStep: Int
  private let stepCount: Int
  private let output: TerminalOutput
  private let metrics: MetricsFile?
  private let board: TensorBoardFile?
  private let curvePath: String?
  private var curve = LossCurve()
  /// The number of ranks, which share the arithmetic of a step.
  package var rankCount = 1
  /// What the threads of a rank reach at best, in units of 10^9 operations a second; nil if it is not known.
  package var peakGigaflops: Double?
  private var progress: Progress
  private var recent: [(seconds: Double, step: Int)] = []
  private let startSeconds = Clock.seconds
  /// What is expected of a step; nil without other ranks.
  private let forecast: StepForecast?
  /// What counts for other ranks of the memory that ranks share.
  private var othersBytes = 0

  /// - Parameter records: What gets every step, beside what `output` shows.
  /// - Throws: ``StorageError`` if a file cannot be written.
  package init(
    _ session: TrainingSession, _ loader: some BatchLoader, stepCount: Int, output: TerminalOutput,
    records: RunRecords = RunRecords()
  ) throws {
    self.session = session
    forecast = session.forecast
    metrics = try records.metrics.map { try MetricsFile($0, afterStep: session.step) }
    board = try records.tensorboard.map { try TensorBoardFile(folder: $0) }
    curvePath = records.curve
    for line in metrics?.kept ?? [] {
      curve.add(step: line.step, loss: line.loss, validationLoss: line.validationLoss)
    }
    self.stepCount = stepCount
    self.output = output
    speedUnit = SpeedUnit(loader)
    unitsPerStep = speedUnit.count(inBatchOf: loader) * session.batchesPerStep
    progress = Progress(output, everySeconds: 5)
  }

  /// Says what memory the plan takes.
  package mutating func begin() throws {
    let plan = session.plan
    let place = rankCount > 1 ? "of each rank: " : ""
    try output.write(
      "memory  \(place)parameters and optimizer \(Quantity.bytes(plan.stateBytes)), "
        + "step \(Quantity.bytes(plan.valueBytes)); planned peak \(Quantity.bytes(plan.peakBytes)) "
        + "of \(Quantity.bytes(HostMemory.bytes))\n")
    if let bytes = session.rankBytes {
      let kinds = [
        ("parameters", bytes.parameters), ("gradients", bytes.gradients),
        ("optimizer", bytes.optimizer), ("activations", bytes.activations),
      ]
      let parts = kinds.map { "\($0) \(Quantity.bytes($1))" }
      try output.write("plan    \(place)\(parts.joined(separator: ", "))\n")
    }
    if let compilation = session.compilation {
      try output.write("compile \(compilation.text)\n")
    }
    recent = [(Clock.seconds, session.step)]
  }

  /// Shows a step that was just made, with the loss on the held-out data if that was looked at.
  package mutating func stepped(_ step: TrainingStep) throws {
    let now = Clock.seconds
    if recent.count == 1 {
      othersBytes = ProcessMemory.othersBytes
      try compare(sinceSeconds: recent[0].seconds, now)
    }
    recent.append((now, session.step))
    if recent.count > 50 { recent.removeFirst() }
    let report = report(step, now)
    curve.add(step: step.step, loss: step.loss, validationLoss: step.validationLoss)
    try record(step, report, now)
    try progress.report(report, nowSeconds: now)
  }

  private func report(_ step: TrainingStep, _ now: Double) -> StepReport {
    let steps = Double(session.step - recent[0].step)
    let rate = steps / max(now - recent[0].seconds, 1e-9)
    let gigaflops = rate * session.contractionFlops * Double(rankCount) / 1e9
    return StepReport(
      step: step.step, stepCount: stepCount, loss: step.loss, validationLoss: step.validationLoss,
      speed: rate * Double(unitsPerStep), speedUnit: speedUnit, gigaflopsPerSecond: gigaflops,
      peakShare: peakGigaflops.map { gigaflops / ($0 * Double(rankCount)) },
      memoryBytes: ProcessMemory.residentBytes - othersBytes,
      secondsLeft: Double(stepCount - session.step) / max(rate, 1e-9))
  }

  /// Writes a step into the files.
  private func record(_ step: TrainingStep, _ report: StepReport, _ now: Double) throws {
    var line = MetricsFile.Line(step: step.step, loss: step.loss, seconds: now - startSeconds)
    line.validationLoss = step.validationLoss
    line.learningRate = step.learningRate
    line.gradientNorm = step.gradientNorm
    (line.speed, line.speedUnit) = (report.speed, report.speedUnit)
    line.gigaflopsPerSecond = report.gigaflopsPerSecond
    line.memoryBytes = report.memoryBytes
    line.taps = step.taps
    try metrics?.write(line)
    try board?.write("loss", step.loss, step: step.step)
    for (name, number) in line.numbers where name != "memory_bytes" {
      try board?.write(name, number, step: step.step)
    }
    for tap in step.taps { try board?.write(tap, step: step.step) }
  }

  /// Says what was expected of a step beside what the first one took and sent.
  private mutating func compare(sinceSeconds start: Double, _ now: Double) throws {
    guard let forecast else { return }
    let waited = session.executor.events.communicationSeconds(since: start)
    try note(
      "step    expected \(Self.text(forecast.seconds, forecast.exposedSeconds)); "
        + "the first took \(Self.text(now - start, waited))")
    let planned = session.rankBytes?.exchanges.map { ($0.rawValue, $1) } ?? []
    let expected = Self.text(Dictionary(uniqueKeysWithValues: planned))
    try note(
      "sent    expected \(expected); the first sent \(Self.text(session.sentBytes(since: start)))")
    let resident = ProcessMemory.residentBytes - othersBytes
    try note(
      "memory  planned \(Quantity.bytes(session.plan.peakBytes)); the first has left "
        + "\(Quantity.bytes(resident)) of the process resident")
  }

  /// Bytes by the names of operations.
  private static func text(_ bytes: [String: Int]) -> String {
    let sent = bytes.filter { $0.value > 0 }.sorted { $0.key < $1.key }
    let texts = sent.map { name, bytes in "\(Quantity.bytes(bytes)) by \(name)" }
    return texts.isEmpty ? "nothing" : texts.joined(separator: ", ")
  }

  private static func text(_ seconds: Double, _ waiting: Double) -> String {
    "\(Quantity.fixed(seconds, 3)) s, \(Quantity.fixed(waiting, 3)) s of it waiting for other ranks"
  }

  /// Leaves time that went into something else out of the speed of steps.
  package mutating func leaveOut(seconds: Double) {
    recent = recent.map { ($0.seconds + seconds, $0.step) }
  }

  /// Writes a line of its own between the steps.
  package mutating func note(_ text: String) throws { try progress.note(text) }

  /// Says how the run ended.
  package mutating func end(validationLoss: Double?) throws {
    try progress.finish()
    if let validationLoss {
      try board?.write("validation_loss", validationLoss, step: session.step)
      curve.add(validationLoss: validationLoss, step: session.step)
      try output.write(
        "validation loss \(Quantity.fixed(validationLoss, 4)) on the held-out data\n")
    }
    try output.write(curve.text())
    if let curvePath { try AtomicFile.write(curvePath, text: curve.picture) }
    if let time = session.time.text { try output.write("time    \(time)\n") }
    let seconds = Clock.seconds - startSeconds
    try output.write(
      "trained \(session.step.counted("step")) in \(Quantity.duration(seconds: seconds)); "
        + "peak memory \(Quantity.bytes(ProcessMemory.peakBytes - othersBytes)) of the process, "
        + "\(Quantity.bytes(session.plan.peakBytes)) planned\(waits)\n")
  }

  private var waits: String {
    guard let share = session.executor.events.communicationShare else { return "" }
    let expected = forecast.map { $0.exposedSeconds / $0.seconds } ?? 0
    return "; \(Quantity.fixed(share * 100, 1)) % of the last steps waited for other ranks, "
      + "\(Quantity.fixed(expected * 100, 1)) % expected"
  }
}
