import DeepEPEvents
import DeepEPPlans
import DeepEPTensors

extension Instruction {
  /// The kind of work that it is.
  var work: EventWork {
    if operation is any Collective { return .communication }
    if origin.phase == .update { return .optimizer }
    switch operation {
    case is Contraction: return .contraction
    case let region as Region where region.contractionFlops > 0: return .attention
    case let region as Region:
      return region.body.contains(where: \.reduces) ? .reduction : .elementwise
    default: return .other
    }
  }
}

extension Statement {
  /// Whether elements are combined in it.
  fileprivate var reduces: Bool {
    guard case .loop(let loop) = self else { return false }
    return !loop.accumulators.isEmpty || loop.body.contains(where: \.reduces)
  }
}
