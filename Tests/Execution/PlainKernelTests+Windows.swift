import DeepEPElements
import DeepEPTensors

extension PlainKernelTests {
  /// Convolutions and pools.
  static let windows: [Case] =
    floats.flatMap { (element: ElementType) in
      [
        Case("convolution", values(element, [2, 4, 7, 5]), values(element, [6, 2, 3, 2])) {
          [$0[0].convolution($0[1], strides: [2, 1], padding: [1], dilations: [1, 2], groups: 2)]
        },
        Case("gradients of a convolution", values(element, [2, 4, 7]), values(element, [6, 2, 3])) {
          x in
          let window = SpatialWindow(rank: 1, strides: [2], padding: [1])
          let y = x[0].convolution(x[1], strides: [2], padding: [1], groups: 2)
          return [
            y.apply(ConvolutionInputGradient(window: window, groups: 2, sizes: [7]), x[1]),
            x[0].apply(ConvolutionWeightGradient(window: window, groups: 2, taps: [3]), y),
          ]
        },
        Case("pools", values(element, [2, 3, 7, 5])) { x in
          let pool = x[0].maximumPooled([3, 2], strides: [2], padding: [1])
          return [pool, x[0].averagePooled([2], countsPadding: false)]
        },
        Case("positions of a pool", values(element, [2, 3, 9])) { x in
          let window = SpatialWindow(rank: 1, strides: [2], padding: [1])
          return Array(x[0].applyAll(MaximumPool(taps: [3], window: window)).reversed())
        },
        Case("gradient of an average pool", values(element, [2, 3, 4])) { x in
          let window = SpatialWindow(rank: 1, strides: [2], padding: [1])
          let pool = AveragePool(taps: [3], window: window)
          return [x[0].apply(AveragePoolGradient(pool: pool, sizes: [7]))]
        },
      ]
    }
    + sizes.map { (size: Int) in
      Case("convolution", values(.float32, [1, 2, size]), values(.float32, [3, 2, 3])) {
        [$0[0].convolution($0[1], padding: [1]), $0[0].maximumPooled([3], padding: [1])]
      }
    }
    + [
      Case("convolution 3", values(.float32, [1, 2, 4, 3, 5]), values(.float32, [2, 2, 2, 1, 3])) {
        [$0[0].convolution($0[1]), $0[0].averagePooled([2, 1, 2])]
      }
    ]
}
