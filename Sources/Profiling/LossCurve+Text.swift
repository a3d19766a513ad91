extension LossCurve {
  /// The curve in rows of text, without a picture file: losses as dots, validations as rings.
  ///
  /// - Returns: Nothing if there are fewer points than a curve needs.
  public func text(columns: Int = 64, rows: Int = 8) -> String {
    let means = means(columns)
    let rings = validations.filter { steps.contains($0.step) }
    let shown = means.compactMap { $0 } + rings.map(\.loss)
    guard count >= 20, let low = shown.min(), let high = shown.max(), low < high else { return "" }
    let row = { (loss: Double) in min(rows - 1, Int((high - loss) / (high - low) * Double(rows))) }
    var cells = [[Character]](
      repeating: [Character](repeating: " ", count: columns), count: rows)
    for case (let column, let mean?) in means.enumerated() { cells[row(mean)][column] = "•" }
    for ring in rings { cells[row(ring.loss)][column(of: ring.step, columns)] = "o" }
    let labels = [high] + [Double?](repeating: nil, count: rows - 2) + [low]
    let lines = zip(labels, cells).map { "\(Self.label($0))\(String($1).trimmingEnd)\n" }
    let legend = rings.isEmpty ? "" : " (o: held-out data)"
    return lines.joined() + "        └ step \(steps.lowerBound) to \(steps.upperBound)\(legend)\n"
  }

  /// The mean loss of the points of each column; nil where there are none.
  private func means(_ columns: Int) -> [Double?] {
    var sums = [(sum: Double, count: Double)](repeating: (0, 0), count: columns)
    for point in losses {
      let column = column(of: point.step, columns)
      sums[column] = (sums[column].sum + point.loss, sums[column].count + 1)
    }
    return sums.map { $0.count > 0 ? $0.sum / $0.count : nil }
  }

  private static func label(_ loss: Double?) -> String {
    guard let loss else { return "        │ " }
    let number = "\((loss * 1000).rounded() / 1000)"
    return String(repeating: " ", count: max(0, 7 - number.count)) + "\(number) ┤ "
  }

  private func column(of step: Int, _ columns: Int) -> Int {
    let span = max(1, steps.upperBound - steps.lowerBound)
    return min(columns - 1, (step - steps.lowerBound) * columns / span)
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
