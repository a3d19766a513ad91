/// What is known about a training run after a step.
package struct StepReport: Sendable {
  /// The number of steps made, from 1.
  package var step: Int
  /// The number of steps in all.
  package var stepCount: Int
  /// The loss of this step, in nats a token.
  package var loss: Double
  /// The loss on the held-out data, if that was looked at after this step.
  package var validationLoss: Double?
  /// Tokens or examples a second, over the recent steps.
  package var speed: Double
  /// Which of them.
  package var speedUnit: SpeedUnit
  /// Floating-point operations a second in units of 10^9, over the recent steps.
  package var gigaflopsPerSecond: Double
  /// The same as a share of what the processors reach at best; nil if that is not known.
  package var peakShare: Double?
  /// The memory that the process takes.
  package var memoryBytes: Int
  /// How long the rest will take.
  package var secondsLeft: Double

  /// Makes a report.
  package init(
    step: Int, stepCount: Int, loss: Double, validationLoss: Double? = nil,
    speed: Double, speedUnit: SpeedUnit = .tokens, gigaflopsPerSecond: Double,
    peakShare: Double? = nil,
    memoryBytes: Int, secondsLeft: Double
  ) {
    self.step = step
    self.stepCount = stepCount
    self.loss = loss
    self.validationLoss = validationLoss
    self.speed = speed
    self.speedUnit = speedUnit
    self.gigaflopsPerSecond = gigaflopsPerSecond
    self.peakShare = peakShare
    self.memoryBytes = memoryBytes
    self.secondsLeft = secondsLeft
  }

  /// The line that is shown, without its end.
  package var line: String {
    let parts = [
      "step \(step)/\(stepCount)", "loss \(Quantity.fixed(loss, 3))",
      validationLoss.map { "validation \(Quantity.fixed($0, 4))" },
      "\(speedUnit.rawValue)/s \(Quantity.number(speed))",
      "gflops \(Quantity.number(gigaflopsPerSecond))",
      peakShare.map { "peak \(Quantity.fixed($0 * 100, 0))%" },
      "memory \(Quantity.bytes(memoryBytes))", "left \(Quantity.duration(seconds: secondsLeft))",
    ]
    return parts.compactMap { $0 }.joined(separator: " ")
  }
}

/// Shows how a run goes on: a line that is renewed on a terminal, a line now and then in a pipe.
package struct Progress {
  /// Where the lines go.
  package enum Style: Sendable {
    /// A terminal of a number of columns: one line, written over.
    case live(width: @Sendable () -> Int)
    /// A file or pipe: a line every so many seconds, and the last one.
    case lines(everySeconds: Double)
  }

  private let style: Style
  private let write: (String) throws -> Void
  private var lastSeconds = -Double.infinity
  private var isLineOpen = false

  /// Shows progress by handing text to `write`, which is called once for each line.
  package init(style: Style, write: @escaping (String) throws -> Void) {
    self.style = style
    self.write = write
  }

  /// Shows progress on `output`, as fits what it is.
  package init(_ output: TerminalOutput, everySeconds: Double = 5) {
    let live = Style.live { output.width }
    self.init(
      style: output.isTerminal ? live : .lines(everySeconds: everySeconds), write: output.write)
  }

  /// Shows a step; `nowSeconds` is the time of a monotonic clock.
  ///
  /// A terminal is renewed at most ten times a second. The last step is always shown, and so is one with a validation
  /// loss, which stays.
  package mutating func report(_ report: StepReport, nowSeconds: Double) throws {
    let stays = report.step >= report.stepCount || report.validationLoss != nil
    guard stays || nowSeconds - lastSeconds >= intervalSeconds else { return }
    lastSeconds = nowSeconds
    switch style {
    case .lines: try write(report.line + "\n")
    case .live(let width):
      isLineOpen = !stays
      // The last column stays free: a terminal may wrap when it is written.
      let line = String(report.line.prefix(max(0, width() - 1)))
      try write("\r\(line)\u{1B}[K" + (stays ? "\n" : ""))
    }
  }

  /// Shows a line of its own, such as a validation loss, above the renewed line.
  package mutating func note(_ text: String) throws {
    try write(isLineOpen ? "\r\u{1B}[K\(text)\n" : "\(text)\n")
    if isLineOpen { lastSeconds = -Double.infinity }
    isLineOpen = false
  }

  /// Leaves the renewed line as it is and goes on below it, as before an error is printed.
  package mutating func finish() throws {
    if isLineOpen { try write("\n") }
    isLineOpen = false
  }

  private var intervalSeconds: Double {
    switch style {
    case .live: 0.1
    case .lines(let everySeconds): everySeconds
    }
  }
}
