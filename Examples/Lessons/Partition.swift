import DeepEP

/// Parallel training is one more function from program to program: it makes the program of a rank.
enum PartitionLesson {
  /// Two ranks that have the same data, so that what they sum is twice what one of them has.
  private struct Twins: RankContext {
    func index(along axis: MeshAxis) -> Int { 0 }

    func run(
      _ collective: any Collective, _ operands: [HostArray], types: [Type]
    ) throws -> [HostArray] {
      zip(operands, types).map { operand, type in
        HostArray(type.element, type.shape, operand.doubles.map { 2 * $0 })
      }
    }
  }

  static func run() throws {
    let whole = try program()
    // Up to partition; the transforms after it make it fast.
    let first = Program.lowering(Strategy(data: 2)).prefix { $0.name != .simplify }
    let rank = try whole.applying(Array(first))
    let sums = (rank.entry(.step)?.graph.nodes ?? []).filter { $0.operation is any Collective }
    print(sums.map { "\($0.operation.name) of \($0.types[0])" }.joined(separator: "\n"))
    let half = rank.entry(.step)?.inputs.map(\.type.shape)
    try check("a rank has half of the batch", half == [[8, 2], [8]])
    try check("gradients are summed over ranks", sums.contains { $0.operation.name == "allReduce" })

    // One device with a batch that is the same eight examples twice, and a rank with them once.
    let examples = try Heights().batch(atExample: 0, count: 8)
    let inputs = examples.arrays.map { array in
      HostArray(array.tensor.element, array.tensor.shape, floats(array))
    }
    let twice = inputs.map { array in
      HostArray(array.element, [16] + array.shape.dropFirst(), array.doubles + array.doubles)
    }
    var alone = try Interpreter(whole)
    var together = try Interpreter(rank, ranks: Twins())
    for _ in 0..<3 {
      let one = try alone.call(.step, twice)["loss"]?.doubles[0] ?? .nan
      let two = try together.call(.step, inputs)["loss"]?.doubles[0] ?? .infinity
      print("loss \(one) alone, \(two) on two ranks")
      try check("both have one loss", abs(one - two) < 1e-5)
    }
  }

  private static func program() throws -> Program {
    let squares = Loss { output, targets in (output - targets) * (output - targets) }
    let traced = try ProgramBuilder.traced(Plane(), squares, inputs: Heights().inputs)
    return try ProgramBuilder(optimizer: .adamW(learningRate: 0.1)).completed(traced)
  }

  private static func floats(_ array: BatchArray) -> [Double] {
    array.bytes.withUnsafeBytes { bytes in bytes.bindMemory(to: Float.self).map(Double.init) }
  }
}
