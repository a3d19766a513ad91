import DeepEPElements
import DeepEPTensors

extension SampleWriter {
  /// Elements at places that are known when the program runs.
  mutating func indexing(_ name: String, _ size: Int) -> [Tensor]? {
    switch name {
    case "dynamicSlice":
      return [
        input([size + 2, 3]).dynamicSliced(at: [input([], .int32)], sizes: [size], along: [0])
      ]
    case "dynamicUpdateSlice":
      return [input([size + 2]).replacing(input([size]), at: [input([], .int64)], along: [0])]
    case "gatherAlong": return [input([size, 3]).gather(at: input([5, 3], .int32), along: 0)]
    case "scatterAddAlong":
      return element == .bool
        ? nil : [input([3, size]).scatterAdd(input([3, 5]), at: input([3, 5], .int64), along: 1)]
    default: return nil
    }
  }

  mutating func ordering(_ name: String, _ size: Int) -> [Tensor]? {
    if element == .bool { return nil }
    let x = { (writer: inout SampleWriter) in writer.input([3, size]) }
    switch name {
    case "argReduce":
      return [
        x(&self).indexOfLargest(along: 1), x(&self).indexOfSmallest(along: 0, as: .int64),
      ]
    case "sort":
      let (values, indices) = x(&self).sorted(along: 1, isDescending: true)
      return [values, indices]
    case "topK":
      let (values, indices) = x(&self).top((size + 1) / 2, along: 1, .smallest)
      return [values, indices]
    case "scan":
      return [
        x(&self).cumulativeSum(along: 1), x(&self).cumulativeProduct(along: 0, isExclusive: true),
        x(&self).cumulativeLargest(along: 1, isReversed: true),
      ]
    default: return nil
    }
  }

  mutating func windows(_ name: String, _ size: Int) -> [Tensor]? {
    guard element.isFloatingPoint else { return nil }
    let window = SpatialWindow(rank: 1, strides: [1], padding: [1], dilations: [1])
    let average = AveragePool(taps: [3], window: window, countsPadding: false)
    let image = input([2, 4, size])
    switch name {
    case "convolution":
      return [image.apply(Convolution(window: window, groups: 2), input([6, 2, 3]))]
    case "convolutionInputGradient":
      let gradient = ConvolutionInputGradient(window: window, groups: 2, sizes: [size])
      return [input([2, 6, size]).apply(gradient, input([6, 2, 3]))]
    case "convolutionWeightGradient":
      let gradient = ConvolutionWeightGradient(window: window, groups: 2, taps: [3])
      return [image.apply(gradient, input([2, 6, size]))]
    case "maximumPool": return image.applyAll(MaximumPool(taps: [3], window: window))
    case "averagePool": return [image.apply(average)]
    case "averagePoolGradient":
      return [image.apply(AveragePoolGradient(pool: average, sizes: [size]))]
    default: return nil
    }
  }
}
