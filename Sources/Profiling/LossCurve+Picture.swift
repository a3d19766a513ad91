extension LossCurve {
  private static let (left, top, width, height) = (64.0, 16.0, 720.0, 320.0)

  /// The curve as SVG: the losses as a line, validations as rings on another one.
  public var picture: String {
    var parts = grid + [line(losses, color: "#4c78a8")]
    if !validations.isEmpty {
      parts.append(line(validations, color: "#e45756"))
      parts += validations.map(ring)
    }
    parts += legend
    return PictureFrame.text(
      parts, width: Self.left + Self.width + 48, height: Self.top + Self.height + 56)
  }

  private var grid: [String] {
    let marks = (0...4).map { Double($0) / 4 }
    let losses = marks.flatMap { mark -> [String] in
      let loss = range.lowerBound + mark * (range.upperBound - range.lowerBound)
      let y = place(loss: loss)
      return [
        "<path d=\"M\(Self.left) \(PictureFrame.number(y)) h\(Self.width)\" stroke=\"#d9dee3\"/>",
        PictureFrame.label(8, y + 4, "\((loss * 1000).rounded() / 1000)"),
      ]
    }
    let steps = marks.map { mark in
      let step =
        Double(self.steps.lowerBound)
        + mark * Double(self.steps.upperBound - self.steps.lowerBound)
      return PictureFrame.label(
        Self.left + mark * Self.width - 10, Self.top + Self.height + 20, "\(Int(step))")
    }
    return losses + steps
  }

  private var legend: [String] {
    let base = Self.top + Self.height + 42
    let validation = validations.isEmpty ? "" : ", on held-out data in red"
    return [PictureFrame.label(Self.left, base, "loss by step\(validation)")]
  }

  private func line(_ points: [Point], color: String) -> String {
    let places = points.map { "\(place($0).x),\(place($0).y)" }.joined(separator: " ")
    return "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\"/>"
  }

  private func ring(_ point: Point) -> String {
    let (x, y) = place(point)
    return "<circle cx=\"\(x)\" cy=\"\(y)\" r=\"3\" fill=\"#ffffff\" stroke=\"#e45756\"/>"
  }

  private func place(_ point: Point) -> (x: String, y: String) {
    let span = Double(max(1, steps.upperBound - steps.lowerBound))
    let x = Self.left + Double(point.step - steps.lowerBound) / span * Self.width
    return (PictureFrame.number(x), PictureFrame.number(place(loss: point.loss)))
  }

  private func place(loss: Double) -> Double {
    let span = max(range.upperBound - range.lowerBound, 1e-9)
    return Self.top + (range.upperBound - loss) / span * Self.height
  }
}
