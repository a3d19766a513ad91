import DeepEPElements
import DeepEPTensors

extension DifferentiationTests {
  /// Convolutions and pools; gradients of gradients too, as their rules are operations themselves.
  static let windows: [Case] = [
    Case("convolution 1", [2, 3, 5], [2, 3, 2]) { [$0[0].convolution($0[1])] },
    Case("convolution 2", [2, 2, 4, 5], [3, 2, 3, 2]) { x in
      [x[0].convolution(x[1], strides: [2, 1], padding: [1, 0], paddingHigh: [0, 2])]
    },
    Case("convolution 3", [1, 2, 3, 2, 3], [1, 2, 2, 1, 2]) { x in
      [x[0].convolution(x[1], strides: [1, 2, 1], padding: [1], dilations: [2, 1, 1])]
    },
    Case("convolution in groups", [2, 4, 5], [6, 2, 2]) { x in
      [x[0].convolution(x[1], dilations: [2], groups: 2)]
    },
    Case("convolution by depth", [1, 3, 4, 4], [3, 1, 2, 2]) { x in
      [x[0].convolution(x[1], strides: [2], groups: 3)]
    },
    Case("gradient of a convolution by its input", [2, 4, 3], [4, 2, 3]) { x in
      let window = SpatialWindow(rank: 1, strides: [2], padding: [1])
      return [x[0].apply(ConvolutionInputGradient(window: window, groups: 2, sizes: [6]), x[1])]
    },
    Case("gradient of a convolution by its weight", [2, 4, 6], [2, 4, 3]) { x in
      let window = SpatialWindow(rank: 1, strides: [2], padding: [1])
      return [x[0].apply(ConvolutionWeightGradient(window: window, groups: 2, taps: [3]), x[1])]
    },
    Case("maximum pool", [2, 2, 4, 5]) { [$0[0].maximumPooled([2, 3], strides: [2])] },
    Case("maximum pool of overlaps", [1, 2, 7]) {
      [$0[0].maximumPooled([3], strides: [1], padding: [1], dilations: [2])]
    },
    Case("average pool", [2, 2, 4, 5]) { [$0[0].averagePooled([2, 3], padding: [1, 0])] },
    Case("average pool without padding", [1, 2, 5, 4]) { x in
      [x[0].averagePooled([3], strides: [2], padding: [1], paddingHigh: [2], countsPadding: false)]
    },
    Case("gradient of an average pool", [1, 2, 3]) { x in
      let window = SpatialWindow(rank: 1, strides: [2], padding: [1])
      let pool = AveragePool(taps: [3], window: window, countsPadding: false)
      return [x[0].apply(AveragePoolGradient(pool: pool, sizes: [5]))]
    },
  ]
}
