import DeepEPTensors

/// A matrix of a model beside which two small ones stand.
package struct AdaptedWeight {
  /// The place of its slot.
  package let slot: Int
  /// Its name.
  package let name: String
  /// Which of its dimensions is summed over: 0 of `[input, output]`, 1 of `[output, input]`.
  package let inputDimension: Int
  private let type: Type
  private let axes: [DimensionAxes]

  static let suffixes = [".lora_A.weight", ".lora_B.weight"]

  init(_ use: WeightUse, _ slot: Slot) {
    (self.slot, inputDimension) = (use.slot, use.inputDimension)
    (name, type, axes) = (slot.name, slot.type, slot.axes)
  }

  /// The names of the small matrices: those of Hugging Face's `peft`.
  package var matrixNames: [String] {
    let stem = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
    return Self.suffixes.map { stem + $0 }
  }

  /// The length of its shorter dimension, above which small matrices are not smaller.
  var smallerSide: Int { type.shape.min() ?? 0 }

  /// Whether one of its dimensions counts tokens.
  var isOfVocabulary: Bool { axes.contains(.axis(.vocabulary)) }

  /// The slots of `A`, `[rank, input]`, and `B`, `[output, rank]`, of which only the first is random.
  func matrices(rank: Int) -> [Slot] {
    let (input, output) = (type.shape[inputDimension], type.shape[1 - inputDimension])
    let own = { (dimension: Int) -> DimensionAxes in
      axes.indices.contains(dimension) ? axes[dimension] : .unnamed
    }
    let bound = 1 / Double(max(1, input)).squareRoot()
    return [
      Slot(
        name: matrixNames[0], type: type.with(shape: [rank, input]),
        initializer: .uniform(bound: bound), axes: [.unnamed, own(inputDimension)],
        kind: .parameter, isTrainable: true),
      Slot(
        name: matrixNames[1], type: type.with(shape: [output, rank]), initializer: .zeros,
        axes: [own(1 - inputDimension), .unnamed], kind: .parameter, isTrainable: true),
    ]
  }
}

/// A product of something with a matrix that is read from a slot.
struct WeightUse {
  /// The slot of the matrix.
  let slot: Int
  /// The product.
  let dot: Dot
  /// Which operand of the product is the matrix.
  let operand: Int
  /// Which dimension of the matrix is summed over.
  let inputDimension: Int

  /// The matrix's labels, and those of what it multiplies.
  var labels: (matrix: [Int], other: [Int]) {
    operand == 0 ? (dot.left, dot.right) : (dot.right, dot.left)
  }

  /// nil if a node is no such product.
  init?(_ node: Node, in graph: Graph) {
    guard let dot = node.operation as? Dot else { return nil }
    for (operand, value) in node.operands.enumerated() {
      let (matrix, other) = operand == 0 ? (dot.left, dot.right) : (dot.right, dot.left)
      guard let read = graph.nodes[value.node].operation as? Read, matrix.count == 2,
        let input = matrix.firstIndex(where: { other.contains($0) && !dot.result.contains($0) }),
        !other.contains(matrix[1 - input]), dot.result.contains(matrix[1 - input])
      else { continue }
      (slot, self.dot, self.operand, inputDimension) = (read.slot, dot, operand, input)
      return
    }
    return nil
  }
}

extension Graph {
  /// All products with matrices from slots.
  var weightUses: [WeightUse] { nodes.compactMap { WeightUse($0, in: self) } }
}

extension Slot {
  /// Whether it is a matrix that the model has as a weight.
  var isMatrixOfModel: Bool {
    kind == .parameter && type.rank == 2 && type.element.isFloatingPoint
  }
}
