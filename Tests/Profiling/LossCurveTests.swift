import DeepEPProfiling
import Testing

@Suite struct LossCurveTests {
  private func curve(_ count: Int) -> LossCurve {
    var curve = LossCurve()
    for step in 1...count {
      curve.add(
        step: step, loss: Double(count - step), validationLoss: step == count ? 0 : nil)
    }
    return curve
  }

  /// The dots fall from the upper left to the lower right, and the held-out data has a ring.
  @Test func theTextIsThePicture() {
    let lines = curve(40).text(columns: 20, rows: 4).split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines[0] == "   38.5 ┤ •••••")
    #expect(lines[1] == "        │      •••••")
    #expect(lines[3].hasPrefix("    0.0 ┤ ") && lines[3].hasSuffix("••••o"))
    #expect(lines[4] == "        └ step 1 to 40 (o: held-out data)")
  }

  @Test func aShortOrFlatRunHasNoCurve() {
    #expect(curve(19).text().isEmpty)
    var flat = LossCurve()
    for step in 1...40 { flat.add(step: step, loss: 2) }
    #expect(flat.text().isEmpty)
    flat.add(step: 41, loss: .nan)
    #expect(flat.count == 40 && flat.picture.hasSuffix("</svg>\n"))
    #expect(LossCurve().picture.hasSuffix("</svg>\n"))
  }

  @Test func aLongRunStaysASmallPicture() {
    let long = curve(100_000)
    #expect(long.count < 2048)
    #expect(long.picture.utf8.count < 64_000)
    #expect(long.picture.contains("on held-out data in red"))
  }
}
