import DeepEPElements
import DeepEPTensors

extension SampleWriter {
  /// Rows that belong together.
  mutating func groups(_ name: String, _ size: Int) -> [Tensor]? {
    switch name {
    case "segmentReduce":
      let reductions: [Reduction] = [.sum, .maximum, .minimum]
      return reductions.flatMap { reduction in
        [
          input([size, 2]).apply(
            SegmentReduce(reduction: reduction, count: 5), input([size], .int32)),
          input([7, 2]).apply(
            SegmentReduce(reduction: reduction, count: size), input([7], .uint8)),
        ]
      }
    case "groupedDot":
      return element == .bool
        ? nil
        : [
          input([size, 3]).groupedDot(input([4, 3, 2]), sizes: input([4], .int32)),
          input([5, 3]).groupedDot(input([2, 3, size]), sizes: input([2], .int32)),
        ]
    case "groupedDotWeightGradient":
      let gradient = GroupedDotWeightGradient()
      return element == .bool
        ? nil
        : [
          input([size, 3]).apply(gradient, input([4], .int32), input([size, 2])),
          input([5, 3]).apply(gradient, input([2], .int32), input([5, size])),
        ]
    default: return nil
    }
  }

  /// The same numbers in fewer bits, and the same bits as other numbers.
  mutating func representations(_ name: String, _ size: Int) -> [Tensor]? {
    let few: [ElementType] = [.int8, .float8e4m3, .float8e5m2]
    switch name {
    case "quantize":
      return !element.isFloatingPoint
        ? nil
        : few.flatMap { target -> [Tensor] in
          let (elements, scales) = input([3, size]).quantized(to: target, block: 8)
          return [elements, scales]
        }
    case "dequantize":
      return !few.contains(element)
        ? nil
        : ElementType.allCases.filter(\.isFloatingPoint).map { target in
          let scales = input([2, (size + 7) / 8], .float32)
          return input([2, size]).dequantized(scales: scales, block: 8, as: target)
        }
    case "packBits": return element == .bool ? [input([2, size]).packedBits()] : nil
    case "unpackBits":
      return element == .uint8 ? [input([2, size]).unpackedBits(8 * size - 3)] : nil
    case "bitcast":
      let x = input([size])
      let targets = ElementType.allCases.filter {
        $0.byteCount == element.byteCount && ($0 != .bool || element == .bool)
      }
      return targets.map { x.bitcast(to: $0) }
    default: return nil
    }
  }

  /// The same numbers elsewhere, with names, or with a part that is valid.
  mutating func memory(_ name: String, _ size: Int) -> [Tensor]? {
    let x = { (writer: inout SampleWriter) in writer.input([size, 3]) }
    switch name {
    case "relayout":
      let format = Layout.opaque(name: "blocked", byteCount: 32 * size)
      return [x(&self).relaid(as: format).relaid(as: .rowMajor)]
    case "transfer":
      return [MemorySpace.shared, .host, .file].map {
        x(&self).transferred(to: $0).transferred(to: .device)
      }
    case "named": return [x(&self).apply(Named([.axis(.batch), .unnamed]))]
    case "bounded", "unbounded":
      let number = input([], .int32)
      let extent = number.binary(.remainder, number.filled(with: Double(size + 1))).maximum(
        number.filled(with: 0))
      return [x(&self).bounded(along: 0, extent: extent).unbounded(filling: 1)]
    default: return nil
    }
  }
}
