import DeepEPElements
import DeepEPTensors

/// How a processor runs a contraction.
enum ContractionWay {
  /// By oneDNN, on the operands as they are, with the epilogue.
  case direct(BlockedMultiply)
  /// By oneDNN, and what it cannot do before and after it.
  case staged(StagedContraction, BlockedMultiply)
  /// As a loop nest.
  case plain

  /// The name for plans.
  var kernel: String {
    switch self {
    case .direct(let multiply):
      "oneDNN \(multiply.kernel)\(multiply.count > 1 ? " in \(multiply.count) blocks" : "")"
    case .staged(let staged, let multiply):
      "oneDNN \(multiply.kernel)\(staged.widens ? " by way of float32" : " in stages")"
    case .plain: "plain contraction"
    }
  }

  /// The bytes of workspace of a call.
  var workspaceBytes: Int {
    switch self {
    case .direct(let multiply): multiply.workspaceBytes
    case .staged(let staged, let multiply):
      staged.offsets(productWorkspaceBytes: multiply.workspaceBytes).last ?? 0
    case .plain: 0
    }
  }
}

/// Finds the way of each contraction, once.
final class ContractionWays {
  private let library: MatrixLibrary
  private let narrowUnits: Set<ElementType>
  private let inBlocks: Bool
  private var known: [Key: ContractionWay] = [:]

  /// Opens oneDNN.
  ///
  /// - Parameters:
  ///   - narrowUnits: The narrow floats that the processor has units for: others oneDNN would
  ///     emulate, more slowly than it multiplies float32.
  ///   - vectorLimit: The widest vectors to use, if not all that there are.
  ///   - inBlocks: Whether large multiplications are cut into blocks.
  init(
    pool: ThreadPool, narrowUnits: Set<ElementType>, vectorLimit: VectorLimit?, inBlocks: Bool
  ) throws {
    library = try MatrixLibrary(pool: pool, vectorLimit: vectorLimit)
    self.narrowUnits = narrowUnits
    self.inBlocks = inBlocks
  }

  private struct Key: Hashable {
    let contraction: Contraction
    let operands: [Type]
  }

  /// How a contraction runs.
  func way(_ contraction: Contraction, _ operands: [Type], _ results: [Type]) -> ContractionWay {
    let key = Key(contraction: contraction, operands: operands)
    if let way = known[key] { return way }
    let way = found(contraction, operands, results)
    known[key] = way
    return way
  }

  private func found(
    _ contraction: Contraction, _ operands: [Type], _ results: [Type]
  ) -> ContractionWay {
    let element = operands[0].element
    if let form = MatrixForm(contraction, element, result: results[0].element), form.isReadOnce {
      return .plain
    }
    if !element.isNarrowFloat || narrowUnits.contains(element) {
      if let multiply = multiply(contraction, element, results[0].element) {
        return .direct(multiply)
      }
      return staged(contraction, operands, results, widens: false) ?? .plain
    }
    return staged(contraction, operands, results, widens: true) ?? .plain
  }

  private func staged(
    _ contraction: Contraction, _ operands: [Type], _ results: [Type], widens: Bool
  ) -> ContractionWay? {
    // Without an epilogue there is nothing but the product, which oneDNN does not make.
    guard widens || !contraction.epilogue.isEmpty,
      let staged = StagedContraction(contraction, operands, results, widens: widens),
      let multiply = multiply(
        staged.product, staged.factorTypes[0].element, staged.sumType.element)
    else { return nil }
    return .staged(staged, multiply)
  }

  /// oneDNN's kernel; nil if it has none that is fast.
  private func multiply(
    _ contraction: Contraction, _ operand: ElementType, _ result: ElementType
  ) -> BlockedMultiply? {
    // Steps are computed in float32, and their operands are what sums are.
    let sum = contraction.dot.element ?? operand
    guard contraction.epilogue.isEmpty || sum == .float32,
      let form = MatrixForm(contraction, operand, result: result), form.stepsAreSafe
    else { return nil }
    let whole = MatrixBlocks(whole: form)
    let best = inBlocks ? MatrixBlocks(best: form) : whole
    let sizes = best == whole ? [whole] : [best, whole]
    return sizes.lazy.compactMap { self.multiply(form, blocks: $0) }.first
  }

  private func multiply(_ form: MatrixForm, blocks: MatrixBlocks) -> BlockedMultiply? {
    let made = try? BlockedMultiply(
      library, left: form.left, right: form.right, result: form.result, steps: form.steps,
      blocks: blocks)
    return made?.isReference ?? true ? nil : made
  }
}
