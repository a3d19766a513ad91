import DeepEPElements
import DeepEPTensors

extension RandomProgram {
  /// A convolution, one of its gradients, or pooling, over one or two spatial dimensions.
  mutating func windows() {
    let rank = 1 + random.below(2)
    let spatial = (0..<rank).map { _ in random.pick(rank == 1 ? [5, 7, 17, 65] : [3, 4, 7]) }
    let groups = 1 + random.below(2)
    let image = [1 + random.below(2), groups * (1 + random.below(2))] + spatial
    let taps = (0..<rank).map { _ in 1 + random.below(3) }
    let window = SpatialWindow(
      rank: rank, strides: (0..<rank).map { _ in 1 + random.below(2) }, padding: [random.below(2)],
      dilations: [1])
    switch random.below(isSmooth ? 2 : 3) {
    case 0: convolution(image, taps, window, groups)
    case 1: average(image, taps, window)
    default:
      // Windows that could hold nothing but padding are refused.
      let pool = MaximumPool(taps: taps.map { max($0, 2) }, window: window)
      let results = exactValue(image).applyAll(pool)
      for result in results { keep(result) }
    }
  }

  private mutating func convolution(
    _ image: [Int], _ taps: [Int], _ window: SpatialWindow, _ groups: Int
  ) {
    let weight = [groups * (1 + random.below(2)), image[1] / groups] + taps
    let convolution = Convolution(window: window, groups: groups)
    let types = [image, weight].map { Type(element, $0) }
    guard let output = try? convolution.resultTypes(of: types)[0].shape else { return }
    let result =
      switch random.below(3) {
      case 0: value(image).apply(convolution, value(weight))
      case 1:
        value(output).apply(
          ConvolutionInputGradient(window: window, groups: groups, sizes: Array(image[2...])),
          value(weight))
      default:
        value(image).apply(
          ConvolutionWeightGradient(window: window, groups: groups, taps: taps), value(output))
      }
    keep(result.hyperbolicTangent())
  }

  private mutating func average(_ image: [Int], _ taps: [Int], _ window: SpatialWindow) {
    let pool = AveragePool(taps: taps, window: window, countsPadding: random.once(in: 2))
    guard let output = try? pool.resultTypes(of: [Type(element, image)])[0].shape else { return }
    if random.once(in: 2) { return keep(value(image).apply(pool)) }
    keep(value(output).apply(AveragePoolGradient(pool: pool, sizes: Array(image[2...]))))
  }
}
