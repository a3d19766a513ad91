import DeepEPPlans
import DeepEPProfiling
import DeepEPTensors

/// A memory map as SVG: instructions from left to right, addresses from below upwards, slots at the bottom.
struct MemoryPicture {
  private let map: MemoryMap

  private static let (left, top, width, height) = (90.0, 20.0, 900.0, 440.0)
  private static let workspaceColor = "#e0b040"

  init(_ map: MemoryMap) { self.map = map }

  /// The file.
  var text: String {
    var parts = [PictureFrame.label(Self.left, 12, title)] + marks
    parts.append(rectangle(0...map.instructionCount - 1, 0, map.stateBytes, "#cfd8dc", "slots"))
    for block in map.blocks { parts.append(rectangle(block)) }
    parts += legend
    return PictureFrame.text(
      parts, width: Self.left + Self.width + 24, height: Self.top + Self.height + 50)
  }

  private var byteCount: Int { map.stateBytes + map.valueBytes }

  private var title: String {
    "\(map.entry.rawValue): \(map.instructionCount) instructions, \(byteCount) bytes"
  }

  private var marks: [String] {
    [0, map.stateBytes, byteCount].map {
      PictureFrame.label(0, place($0) + 4, "\($0 >> 20) MiB")
    }
  }

  private func rectangle(_ block: MemoryMap.Block) -> String {
    let kind = block.isWorkspace ? "workspace of " : ""
    return rectangle(
      block.instructions, map.stateBytes + block.placement.offsetBytes, block.placement.byteCount,
      block.isWorkspace ? Self.workspaceColor : block.origin.phase.color,
      "\(kind)\(block.name), \(block.placement.byteCount) bytes, \(block.origin.path)")
  }

  private func rectangle(
    _ time: ClosedRange<Int>, _ start: Int, _ byteCount: Int, _ color: String, _ title: String
  ) -> String {
    let column = Self.width / Double(map.instructionCount)
    let (x, y) = (Self.left + Double(time.lowerBound) * column, place(start + byteCount))
    let numbers = [x, y, Double(time.count) * column, place(start) - y].map(PictureFrame.number)
    return "<rect x=\"\(numbers[0])\" y=\"\(numbers[1])\" width=\"\(numbers[2])\" "
      + "height=\"\(numbers[3])\" fill=\"\(color)\">"
      + "<title>\(PictureFrame.escaped(title))</title></rect>"
  }

  private func place(_ bytes: Int) -> Double {
    Self.top + Self.height * (1 - Double(bytes) / Double(max(1, byteCount)))
  }

  private var legend: [String] {
    let kinds =
      Phase.allCases.map { ($0.rawValue, $0.color) } + [("workspace", Self.workspaceColor)]
    let base = Self.top + Self.height + 30
    return kinds.enumerated().flatMap { index, kind in
      let x = Self.left + Double(index) * 150
      let (left, top) = (PictureFrame.number(x), PictureFrame.number(base - 11))
      return [
        "<rect x=\"\(left)\" y=\"\(top)\" width=\"14\" height=\"14\" fill=\"\(kind.1)\"/>",
        PictureFrame.label(x + 20, base, kind.0),
      ]
    }
  }
}

extension Phase {
  /// As in pictures of timelines.
  fileprivate var color: String {
    switch self {
    case .forward: "#4c78a8"
    case .inputGradient: "#72b7b2"
    case .weightGradient: "#54a24b"
    case .update: "#b279a2"
    }
  }
}
