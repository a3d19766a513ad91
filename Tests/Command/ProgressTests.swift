import DeepEPCommand
import DeepEPTraining
import Glibc
import Testing

private func report(_ step: Int, of count: Int = 2000) -> StepReport {
  StepReport(
    step: step, stepCount: count, loss: 2.4123, speed: 2310.4, gigaflopsPerSecond: 142.3,
    memoryBytes: 377 << 20, secondsLeft: 250)
}

/// The pieces that were written, for a progress that is given a step a second.
private func written(_ style: Progress.Style, steps: ClosedRange<Int>, of count: Int) throws
  -> [String]
{
  var pieces: [String] = []
  var progress = Progress(style: style) { pieces.append($0) }
  for step in steps { try progress.report(report(step, of: count), nowSeconds: Double(step)) }
  return pieces
}

@Suite struct ProgressTests {
  let line = "step 100/2000 loss 2.412 tokens/s 2310 gflops 142 memory 377MiB left 4m10s"

  @Test func theLineSaysWhatMatters() {
    #expect(report(100).line == line)
    var full = report(200)
    (full.validationLoss, full.peakShare) = (2.131, 0.708)
    #expect(
      full.line
        == "step 200/2000 loss 2.412 validation 2.1310 tokens/s 2310 gflops 142 peak 71% "
        + "memory 377MiB left 4m10s")
  }

  /// A step after which the held-out data was looked at is shown at once, and stays.
  @Test func aValidationIsAlwaysShown() throws {
    for (style, end) in [
      (Progress.Style.live { 80 }, "\u{1B}[K\n"), (.lines(everySeconds: 9), "\n"),
    ] {
      var pieces: [String] = []
      var progress = Progress(style: style) { pieces.append($0) }
      for step in 1...3 {
        var report = report(step)
        report.validationLoss = step == 2 ? 2 : nil
        try progress.report(report, nowSeconds: Double(step) / 1000)
      }
      #expect(pieces.count == 2 && pieces[1].hasSuffix(end) && pieces[1].contains("validation"))
    }
  }

  @Test func aPipeGetsALineNowAndThenAndTheLast() throws {
    let pieces = try written(.lines(everySeconds: 5), steps: 1...13, of: 13)
    #expect(pieces == [1, 6, 11, 13].map { report($0, of: 13).line + "\n" })
  }

  @Test func aTerminalHasOneLineThatIsRenewed() throws {
    let pieces = try written(.live(width: { 20 }), steps: 1...2, of: 2)
    #expect(pieces == ["\rstep 1/2 loss 2.412\u{1B}[K", "\rstep 2/2 loss 2.412\u{1B}[K\n"])
    #expect(try written(.live(width: { 0 }), steps: 1...1, of: 2) == ["\r\u{1B}[K"])
  }

  @Test func aTerminalIsRenewedTenTimesASecond() throws {
    var pieces: [String] = []
    var progress = Progress(style: .live { 80 }) { pieces.append($0) }
    for step in 1...100 { try progress.report(report(step), nowSeconds: 1 + Double(step) / 1000) }
    #expect(pieces.count == 1)
  }

  @Test func aNoteHasALineOfItsOwn() throws {
    var pieces: [String] = []
    var progress = Progress(style: .live { 80 }) { pieces.append($0) }
    try progress.report(report(1), nowSeconds: 0)
    try progress.note("validation loss 1.5")
    try progress.note("saved")
    try progress.report(report(2), nowSeconds: 0.01)
    try progress.finish()
    try progress.finish()
    #expect(
      pieces.dropFirst() == [
        "\r\u{1B}[Kvalidation loss 1.5\n", "saved\n", "\r\(report(2).line)\u{1B}[K", "\n",
      ])
  }

  static let durationTexts: [(Double, String)] = [
    (0, "0.0s"), (8.04, "8.0s"), (9.96, "10s"), (59.4, "59s"), (59.6, "1m00s"), (250, "4m10s"),
    (3599.7, "1h00m"), (7500, "2h05m"), (273_600, "3d04h"), (-1, "?"), (.nan, "?"),
    (.infinity, "?"),
  ]

  @Test(arguments: durationTexts)
  func durations(_ seconds: Double, _ expected: String) {
    #expect(Quantity.duration(seconds: seconds) == expected)
  }

  @Test func countsHaveGroupsOfThreeDigits() {
    #expect(
      [0, 999, 1000, 1_310_000, -4321].map(Quantity.count) == [
        "0", "999", "1,000", "1,310,000", "-4,321",
      ])
  }

  static let sizeTexts: [(Int, String)] = [
    (0, "0B"), (1023, "1023B"), (1024, "1.0KiB"), (1536, "1.5KiB"), (377 << 20, "377MiB"),
    (1 << 19, "512KiB"), (1_048_575, "1.0MiB"), (-5, "0B"), (Int.max, "8.0EiB"),
  ]

  @Test(arguments: sizeTexts)
  func sizes(_ count: Int, _ expected: String) { #expect(Quantity.bytes(count) == expected) }

  @Test func theWidthIsThatOfTheTerminal() {
    let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    defer { close(terminal) }
    var size = winsize(ws_row: 24, ws_col: 47, ws_xpixel: 0, ws_ypixel: 0)
    #expect(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
    #expect(TerminalOutput(descriptor: terminal).width == 47)
    let null = open("/dev/null", O_WRONLY)
    defer { close(null) }
    #expect(TerminalOutput(descriptor: null).width == 80)
    #expect(!TerminalOutput(descriptor: null).isTerminal)
  }

  @Test func numbers() {
    #expect(
      [2310.4, 142.3, 31.26, 3.14159, 0.004, -12.3].map(Quantity.number)
        == ["2310", "142", "31.3", "3.14", "0.00", "-12.3"])
    #expect(Quantity.fixed(.nan, 3) == "nan")
    #expect(Quantity.fixed(-.infinity, 3) == "-inf")
    #expect(Quantity.fixed(-0.0001, 3) == "0.000")
    #expect(Quantity.fixed(0.9996, 3) == "1.000")
  }
}

@Suite struct EntryPointTests {
  @Test func aReaderThatWentAwayEndsQuietly() async {
    let result = await #expect(
      processExitsWith: .exitCode(141), observing: [\.standardErrorContent]
    ) {
      var ends: [Int32] = [0, 0]
      pipe(&ends)
      close(ends[0])
      let output = TerminalOutput(descriptor: ends[1])
      exit(EntryPoint.run { for _ in 0..<10 { try output.write("line\n") } })
    }
    // The test runner of the child writes there too.
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(!text.contains("error:") && !text.contains("readerGone"))
  }

  @Test func anErrorIsPrintedAndSetsTheStatus() async {
    let result = await #expect(
      processExitsWith: .exitCode(2), observing: [\.standardErrorContent]
    ) {
      exit(EntryPoint.run { throw UsageError("unknown option '--x'", fix: "see --help") })
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("error: unknown option '--x'\n  see --help\n"))
  }

  @Test func aFullDiskIsAnErrorOfItsOwn() {
    let full = open("/dev/full", O_WRONLY)
    defer { close(full) }
    #expect(throws: OutputError.failed(reason: "No space left on device")) {
      try TerminalOutput(descriptor: full).write("line\n")
    }
  }

  @Test func successIsZero() { #expect(EntryPoint.run {} == 0) }
}
