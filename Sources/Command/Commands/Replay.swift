import DeepEPEvents
import DeepEPTraining

/// `deepep replay`: a step that went wrong, on the interpreter.
struct Replay {
  var file = ""

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "replay",
      summary: "Run a step that 'train --debug-numerics' has captured, slowly and exactly.",
      defaults: Replay(),
      parameters: [.positional("file", \.file, .path, "the captured step")],
      examples: ["runs/notes-1/capture-step-12"]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let capture = try NumericsCapture(file)
    try output.write(
      "step \(capture.checkpoint.state.step + 1), captured because \(capture.problem)\n")
    var replay = try CaptureReplay(capture)
    var lastSeconds = -Double.infinity
    let report = try replay.run { operation, count in
      guard Clock.seconds - lastSeconds >= 1 else { return }
      lastSeconds = Clock.seconds
      _ = try? TerminalOutput.error.write("deepep: operation \(operation) of \(count)\n")
    }
    let found =
      report.firstNonFinite.map { "the first result that is not finite: \($0)" }
      ?? "every result is finite here: the kernels of the run have overflowed, or the state did before"
    try output.write("the interpreter has the loss \(report.loss); \(found)\n")
  }
}
