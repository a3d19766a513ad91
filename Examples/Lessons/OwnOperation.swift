import DeepEP

/// A model uses ``SquaredReLU`` like any other operation; transforms and devices see its body.
enum OwnOperationLesson {
  private struct Model: Module {
    let up = Linear(2, 16)
    let down = Linear(16, 1)

    func callAsFunction(_ points: Tensor) -> Tensor {
      down(up(points).squaredReLU()).sum([1])
    }
  }

  static func run() throws {
    try compareGradients()
    let squares = Loss { output, targets in (output - targets) * (output - targets) }
    let trainer = try DistributedTrainer(
      model: Model(), loss: squares, optimizer: .adamW(learningRate: 0.01))
    var losses: [Double] = []
    try trainer.fit(Heights(), steps: 300) { losses.append($0.loss) }
    try check("a model with it learns", (losses.last ?? 1) < losses[0] / 5)
  }

  /// Its own gradient is that of its body.
  private static func compareGradients() throws {
    struct Sum: Module {
      let weight = Parameter([4], .zeros)
      let isOwn: Bool

      func callAsFunction(_ x: Tensor) -> Tensor {
        let y = x * weight
        return (isOwn ? y.squaredReLU() : y.relu() * y.relu()).sum()
      }
    }
    let gradients = try [true, false].map { isOwn in
      let model = Sum(isOwn: isOwn)
      var program = Program()
      let input = EntryInput(name: "x", type: Type(.float32, [4]))
      try program.trace(.evaluate, inputs: [input], parameters: model.parameters) {
        [("loss", model($0[0]))]
      }
      let weights = HostArray(.float32, [4], [1, 2, 3, 4])
      var interpreter = try Interpreter(
        Gradient(of: .evaluate, as: .step).apply(program), slots: [weights])
      let x = HostArray(.float32, [4], [1, -1, 2, 0])
      return try interpreter.call(.step, [x])["weight"]?.doubles
    }
    try check("the gradient is that of the body", gradients[0] == gradients[1])
  }
}
