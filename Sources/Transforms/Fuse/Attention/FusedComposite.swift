import DeepEPElements
import DeepEPTensors

/// A composite that `fuse` writes as a region of its own, instead of its body.
struct FusedComposite {
  private let composite: any Composite

  /// Nil for composites that are expanded.
  init?(_ operation: any Operation, operands: [Type]) {
    guard let composite = operation as? any Composite, Self.isFused(composite, operands) else {
      return nil
    }
    self.composite = composite
  }

  /// Whether a composite stays whole until it becomes a region.
  static func isFused(_ composite: any Composite, _ operands: [Type]) -> Bool {
    guard operands.allSatisfy({ !$0.isBounded && !$0.shape.contains(0) }),
      let element = operands.first?.element, hasElements(operands, element),
      [.float64, .float32, .bfloat16, .float16].contains(element)
    else { return false }
    let width = operands[0].shape.last ?? 0
    switch composite {
    case is Attention: return width <= 256
    case let gradient as AttentionGradient:
      let sums = (operands[0].shape[1] + 2 * operands[1].shape[1]) * width
      let isHeld = (gradient.element ?? element) == element.sum
      return width <= 256 && (isHeld || sums <= AttentionGradientRegion.longestSums)
    default: return false
    }
  }

  /// Whether operands are of an element type, the log-sum-exp of that of its sums, and segments whole
  /// numbers.
  private static func hasElements(_ operands: [Type], _ element: ElementType) -> Bool {
    operands.enumerated().allSatisfy { number, type in
      type.rank == 2
        ? type.element.isInteger : type.element == (number == 4 ? element.sum : element)
    }
  }

  /// Whether the region can read an operand through a view: rows are contiguous.
  static func reads(_ view: View) -> Bool { view.shape.last == 1 || view.strides.last == 1 }

  /// - Parameter pairedElements: The types whose products the device takes in pairs.
  func region(
    _ operands: [Type], _ views: [View], _ results: [Type], _ pairedElements: Set<ElementType>
  ) -> Region? {
    switch composite {
    case let attention as Attention:
      AttentionRegion(
        attention, operands: operands, views: views, results: results,
        pairedElements: pairedElements
      ).written()
    case let gradient as AttentionGradient:
      AttentionGradientRegion(
        gradient, operands: operands, views: views, results: results,
        pairedElements: pairedElements
      ).written()
    default: nil
    }
  }
}
