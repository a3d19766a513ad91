import DeepEPElements

/// A convolution in one to three spatial dimensions, as PyTorch defines it (a cross-correlation).
///
/// Operands: input `[batch, channels, spatial...]` and weight `[outputs, channels / groups, taps...]`.
/// Result: `[batch, outputs, spatial...]`. Group `g` of the outputs sees group `g` of the channels.
package struct Convolution: Operation {
  /// How the weight moves over the input.
  package var window: SpatialWindow
  /// Into how many groups channels and outputs are divided.
  package var groups: Int
  package var name: String { "convolution" }
  package var combination: Reduction? { .sum }

  package init(window: SpatialWindow, groups: Int = 1) {
    self.window = window
    self.groups = groups
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    let (input, weight) = (operands[0], operands[1])
    try expectImages(operands, window.rank)
    guard groups > 0, weight.shape[0] % groups == 0, input.shape[1] % groups == 0,
      input.shape[1] / groups == weight.shape[1]
    else {
      throw ShapeError(
        name,
        "\(weight) in \(groups) groups does not fit the \(input.shape[1]) channels of \(input)")
    }
    let sizes = try window.outputSizes(
      name, input: Array(input.shape[2...]), taps: Array(weight.shape[2...]))
    var result = input
    result.dimensions = [input.dimensions[0], weight.dimensions[0]] + sizes.map { .fixed($0) }
    return [result]
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let loops = ConvolutionFactors(operands[0].shape, operands[1].shape, results[0].shape, groups)
    return loops.factors(operands: [loops.input, loops.weight], result: loops.output)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let (x, w) = (operands[0], operands[1])
    let loops = ConvolutionLoops(window, groups, x.shape, w.shape, types[0].shape)
    let (inputs, weights) = (x.doubles, w.doubles)
    var totals = [Double](repeating: 0, count: types[0].elementCount)
    loops.forEach { input, weight, output in
      totals[output] += inputs[input] * weights[weight]
    }
    return [HostArray(types[0].element, types[0].shape, totals)]
  }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let (x, w) = (context.operands[0], context.operands[1])
    guard operand == 0 else {
      let taps = Array(w.shape.dropFirst(2))
      return x.apply(
        ConvolutionWeightGradient(window: window, groups: groups, taps: taps), context.gradient)
    }
    let sizes = Array(x.shape.dropFirst(2))
    return context.gradient.apply(
      ConvolutionInputGradient(window: window, groups: groups, sizes: sizes), w)
  }
}

extension Operation {
  /// Throws unless operands have one floating-point type, and a batch, channels and `rank` spatial
  /// dimensions.
  func expectImages(_ operands: [Type], _ rank: Int) throws {
    for operand in operands {
      guard operand.element.isFloatingPoint, operand.element == operands[0].element else {
        throw ShapeError(
          name, "needs floating-point elements of one type, got \(operands.map(\.description))")
      }
      guard operand.rank == rank + 2 else {
        throw ShapeError(
          name, "needs two dimensions and \(rank) spatial ones, got \(operand)")
      }
    }
  }
}

/// The loops of a convolution and of its gradients: batch, group, outputs and channels of a group, and
/// all places where a tap sees an element.
struct ConvolutionLoops {
  private let batch: Int
  private let groups: Int
  private let outputs: Int
  private let channels: Int
  private let spatial: (input: Int, weight: Int, output: Int)
  private let contacts: [Contact]

  init(_ window: SpatialWindow, _ groups: Int, _ input: [Int], _ weight: [Int], _ output: [Int]) {
    batch = input[0]
    self.groups = groups
    outputs = weight[0] / groups
    channels = weight[1]
    let sizes = [input, weight, output].map { Array($0[2...]) }
    spatial = (sizes[0].reduce(1, *), sizes[1].reduce(1, *), sizes[2].reduce(1, *))
    contacts = window.contacts(input: sizes[0], taps: sizes[1], output: sizes[2])
  }

  /// Calls `body` with the positions of each product: in input, weight and output.
  func forEach(_ body: (Int, Int, Int) -> Void) {
    forEachIndex([batch, groups, outputs, channels]) { index in
      let output = index[1] * outputs + index[2]
      let planes = (
        input: (index[0] * groups + index[1]) * channels + index[3],
        weight: output * channels + index[3],
        output: index[0] * groups * outputs + output
      )
      for contact in contacts {
        body(
          planes.input * spatial.input + contact.element,
          planes.weight * spatial.weight + contact.tap,
          planes.output * spatial.output + contact.window)
      }
    }
  }
}

/// The factors of a convolution and of its gradients.
///
/// Batch, groups, outputs and channels can be cut. Spatial dimensions cannot: windows overlap.
struct ConvolutionFactors {
  /// What each dimension of input, weight and output walks.
  private(set) var input: [[Int]] = []
  private(set) var weight: [[Int]] = []
  private(set) var output: [[Int]] = []
  private var all = Factors(sizes: [], operands: [], results: [], flopsPerPoint: 2)

  init(_ input: [Int], _ weight: [Int], _ output: [Int], _ groups: Int) {
    let batch = all.addLoop(input[0])
    let group = groups == 1 ? [] : [all.addLoop(groups)]
    let (outputs, channels) = (all.addLoop(weight[0] / groups), all.addLoop(weight[1]))
    self.input = [[batch], group + [channels]] + input[2...].map { [all.addIndexed($0)] }
    self.weight = [group + [outputs], [channels]] + weight[2...].map { [all.addWhole($0)] }
    self.output = [[batch], group + [outputs]] + output[2...].map { [all.addWhole($0)] }
  }

  /// The factors of an operation that walks these.
  func factors(operands: [[[Int]]], result: [[Int]]) -> Factors {
    var factors = all
    factors.operands = operands
    factors.results = [result]
    return factors
  }
}
