import DeepEP

/// Gradients are further nodes of the graph, written by a function from program to program.
enum DifferentiateLesson {
  private static let points = HostArray(.float32, [4, 2], [0, 0, 1, 0, 0, 1, 1, 1])
  private static let heights = HostArray(.float32, [4], [1, 2, 4, 8])

  static func run() throws {
    let model = Plane()
    let inputs = [
      EntryInput(name: "points", type: points.type),
      EntryInput(name: "heights", type: heights.type),
    ]
    var program = Program()
    try program.trace(.evaluate, inputs: inputs, parameters: model.parameters) { inputs in
      let distance = model(inputs[0]) - inputs[1]
      return [("loss", (distance * distance).mean())]
    }

    // From the entry `evaluate`, which returns a loss, to `step`, which also returns its gradients.
    let differentiated = try Gradient(of: .evaluate, as: .step).apply(program)
    let results = differentiated.entry(.step)?.results.map(\.name)
    try check("gradients have the names of parameters", results == ["loss", "weight", "bias"])

    // They are what the loss does when a weight changes a little.
    let at = [2.0, 3.0, 0.5]
    let gradients = try call(differentiated, .step, at)
    let found = (gradients["weight"]?.doubles ?? []) + (gradients["bias"]?.doubles ?? [])
    for index in at.indices {
      let (more, less) = (moved(at, index, by: 0.01), moved(at, index, by: -0.01))
      let slope = try (loss(program, more) - loss(program, less)) / 0.02
      print("weight \(index): gradient \(found[index]), slope \(slope)")
      try check("a gradient is a slope", abs(found[index] - slope) < 0.01)
    }
  }

  private static func call(
    _ program: Program, _ entry: EntryName, _ weights: [Double]
  ) throws -> [String: HostArray] {
    let slots = [
      HostArray(.float32, [2], Array(weights.prefix(2))), HostArray(.float32, [1], [weights[2]]),
    ]
    var interpreter = try Interpreter(program, slots: slots)
    return try interpreter.call(entry, [points, heights])
  }

  private static func loss(_ program: Program, _ weights: [Double]) throws -> Double {
    try call(program, .evaluate, weights)["loss"]?.doubles[0] ?? .nan
  }

  private static func moved(_ weights: [Double], _ index: Int, by change: Double) -> [Double] {
    var weights = weights
    weights[index] += change
    return weights
  }
}
