import DeepEPElements
import DeepEPTensors

/// How a processor runs a contraction.
enum ContractionWay {
  /// By oneDNN, on the operands as they are.
  case direct(MatrixMultiply)
  /// By oneDNN, on copies in float32.
  case widened(WidenedContraction, MatrixMultiply)
  /// As a loop nest.
  case plain

  /// The name for plans.
  var kernel: String {
    switch self {
    case .direct(let multiply): "oneDNN \(multiply.kernel)"
    case .widened(_, let multiply): "oneDNN \(multiply.kernel) by way of float32"
    case .plain: "plain contraction"
    }
  }

  /// The bytes of workspace of a call.
  var workspaceBytes: Int {
    switch self {
    case .direct(let multiply): multiply.workspaceBytes
    case .widened(let widened, let multiply):
      widened.offsets(productWorkspaceBytes: multiply.workspaceBytes).last ?? 0
    case .plain: 0
    }
  }
}

/// Finds the way of each contraction, once.
final class ContractionWays {
  private let library: MatrixLibrary
  private let narrowUnits: Set<ElementType>
  private var known: [Key: ContractionWay] = [:]

  /// Opens oneDNN.
  ///
  /// - Parameters:
  ///   - narrowUnits: The narrow floats that the processor has units for: others oneDNN would
  ///     emulate, more slowly than it multiplies float32.
  ///   - vectorLimit: The widest vectors to use, if not all that there are.
  init(pool: ThreadPool, narrowUnits: Set<ElementType>, vectorLimit: VectorLimit?) throws {
    library = try MatrixLibrary(pool: pool, vectorLimit: vectorLimit)
    self.narrowUnits = narrowUnits
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
    if !element.isNarrowFloat || narrowUnits.contains(element),
      let multiply = multiply(contraction, element, results[0].element)
    {
      return .direct(multiply)
    }
    if !contraction.hasAddend, let widened = WidenedContraction(contraction, operands, results),
      let multiply = multiply(widened.product, .float32, .float32)
    {
      return .widened(widened, multiply)
    }
    return .plain
  }

  /// oneDNN's kernel; nil if it has none that is fast.
  private func multiply(
    _ contraction: Contraction, _ operand: ElementType, _ result: ElementType
  ) -> MatrixMultiply? {
    guard let form = MatrixForm(contraction, operand, result: result) else { return nil }
    let made = try? MatrixMultiply(
      library, left: form.left, right: form.right, result: form.result,
      accumulates: contraction.hasAddend)
    return made?.isReference ?? true ? nil : made
  }
}
