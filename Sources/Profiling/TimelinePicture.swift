import DeepEPEvents

/// A picture of the last step of a timeline as SVG: who computed, who waited, and what was exchanged beside that.
public struct TimelinePicture {
  private let ranks: [RankTimeline]
  private let start: Double
  private let end: Double

  private static let (labels, width, bar, gap) = (120.0, 880.0, 18.0, 5.0)

  /// Describes the ranks, in the order of their numbers.
  public init(_ ranks: [RankTimeline]) {
    self.ranks = ranks.map { $0.last(1) }
    start = self.ranks.compactMap(\.steps.first?.startSeconds).min() ?? 0
    end =
      self.ranks.compactMap(\.steps.last).map { $0.startSeconds + $0.durationSeconds }.max() ?? 0
  }

  /// The file.
  public var text: String {
    var parts = [PictureFrame.label(0, 14, title)]
    var top = 30.0
    for rank in ranks {
      parts.append(PictureFrame.label(0, top + 13, rank.name))
      top += Self.bar + Self.gap
      for lane in rank.lanes {
        parts += [PictureFrame.label(12, top + 13, lane.name)] + bars(lane, top)
        top += Self.bar + Self.gap
      }
      top += 2 * Self.gap
    }
    parts += legend(top)
    return PictureFrame.text(parts, width: Self.labels + Self.width + 24, height: top + 38)
  }

  private var title: String {
    let name = ranks.first?.steps.first?.name ?? "no step"
    return "\(name): \(PictureFrame.number((end - start) * 1e3)) ms"
  }

  // MARK: Bars

  /// A stretch of a lane in one color.
  private struct Bar {
    var left: Double
    var right: Double
    var kind: EventKind
  }

  /// Neighbours that look alike are one bar, so that a step of many instructions stays a small picture.
  private func bars(_ lane: RankTimeline.Lane, _ top: Double) -> [String] {
    var bars: [Bar] = []
    for event in lane.events {
      let (left, right) = (
        place(event.startSeconds), place(event.startSeconds + event.durationSeconds)
      )
      let kind = EventKind(event, lane.activity)
      if let last = bars.last, last.kind == kind, left - last.right < 0.2 {
        bars[bars.count - 1].right = max(last.right, right)
      } else {
        bars.append(Bar(left: left, right: right, kind: kind))
      }
    }
    return bars.map { rectangle($0.left, top, $0.right - $0.left, $0.kind) }
  }

  private func place(_ seconds: Double) -> Double {
    Self.labels + (seconds - start) / max(end - start, 1e-9) * Self.width
  }

  private func rectangle(
    _ left: Double, _ top: Double, _ width: Double, _ kind: EventKind
  ) -> String {
    "<rect x=\"\(PictureFrame.number(left))\" y=\"\(PictureFrame.number(top))\" width=\"\(PictureFrame.number(max(width, 0.2)))\" "
      + "height=\"\(PictureFrame.number(Self.bar))\" fill=\"\(kind.color)\"/>"
  }

  private func legend(_ top: Double) -> [String] {
    EventKind.allCases.enumerated().flatMap { index, kind in
      let left = Self.labels + Double(index) * 140
      return [
        rectangle(left, top, 14, kind), PictureFrame.label(left + 20, top + 13, kind.rawValue),
      ]
    }
  }
}
