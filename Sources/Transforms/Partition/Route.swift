import DeepEPElements
import DeepEPTargets
import DeepEPTensors

/// One step of a value on its way to another sharding; factors by their place in ``Resharding``.
enum ReshardingStep: Hashable {
  /// Pays a sum owed along an axis: each rank gets its part of a factor.
  case reduceScatter(MeshAxis, factor: Int)
  /// Pays what is owed along some axes: each rank gets all.
  case allReduce(Reduction, [MeshAxis])
  /// Moves the innermost axis of one factor to another one.
  case allToAll(from: Int, to: Int)
  /// Each rank gets all of a factor that the innermost of its axes splits.
  case gather(factor: Int)
  /// Each rank keeps its part of a factor along one more axis.
  case cut(factor: Int)

  /// Whether ranks get more of a value than they had.
  var isGathering: Bool {
    switch self {
    case .allToAll, .gather: true
    case .reduceScatter, .allReduce, .cut: false
    }
  }
}

/// A way from one sharding to another.
struct Route {
  var steps: [ReshardingStep] = []
  /// How long its exchanges take.
  var seconds = 0.0
}

/// What a route depends on.
struct RouteKey: Hashable {
  let state: Resharding
  let elementBytes: Int
}

extension Partitioner {
  /// The fastest way from a state to its goal; of equally fast ones the shortest, then the first.
  ///
  /// Every step brings the value nearer: axes are added only in the order of the goal, and taken away
  /// only where they are not in it. So there are few states, and each is looked at once.
  mutating func route(_ state: Resharding, _ element: ElementType) -> Route {
    let key = RouteKey(state: state, elementBytes: element.byteCount)
    if let known = routes[key] { return known }
    var best: Route?
    for step in state.steps(mesh) {
      var next = state
      next.take(step)
      var route = self.route(next, element)
      route.steps.insert(step, at: 0)
      route.seconds += seconds(step, state, element)
      let isBetter = best.map {
        (route.seconds, route.steps.count) < ($0.seconds, $0.steps.count)
      }
      if isBetter ?? true { best = route }
    }
    let found = best ?? Route()
    routes[key] = found
    return found
  }

  /// How long it takes to get from one sharding of a value to another.
  mutating func seconds(from source: Sharding, to goal: Sharding, _ element: ElementType) -> Double
  {
    if let state = Resharding(from: source, to: goal, on: mesh) {
      return route(state, element).seconds
    }
    let meeting = Sharding(whole: source.dimensions.map(\.size))
    return seconds(from: source, to: meeting, element) + seconds(from: meeting, to: goal, element)
  }

  private func seconds(
    _ step: ReshardingStep, _ state: Resharding, _ element: ElementType
  ) -> Double {
    let mesh = mesh
    let bytes = state.factors.reduce(element.byteCount) { $0 * $1.localSize(mesh) }
    switch step {
    case .reduceScatter(let axis, let index):
      let (size, count) = (state.factors[index].localSize(mesh), mesh.extent(axis))
      let padded = size == 0 ? 0 : bytes / size * ((size + count - 1) / count * count)
      return links.seconds(.reduceScatter, byteCount: padded, over: [axis], of: mesh)
    case .allReduce(_, let axes):
      return links.seconds(.allReduce, byteCount: bytes, over: axes, of: mesh)
    case .allToAll(let from, _):
      let axis = state.factors[from].axes.suffix(1)
      return links.seconds(.allToAll, byteCount: bytes, over: axis, of: mesh)
    case .gather(let index):
      let axis = state.factors[index].axes.suffix(1)
      let all = bytes * mesh.extent(axis)
      return links.seconds(.allGather, byteCount: all, over: axis, of: mesh)
    case .cut: return 0
    }
  }
}

extension Resharding {
  /// The steps that bring a value nearer to its goal; none if it is there.
  fileprivate func steps(_ mesh: Mesh) -> [ReshardingStep] {
    payments + factors.indices.filter { !isOnTheWay($0) }.flatMap { moves(from: $0, mesh) } + cuts
  }

  /// Whether a factor's axes are the first of those that it will have.
  private func isOnTheWay(_ index: Int) -> Bool { goals[index].starts(with: factors[index].axes) }

  /// The factor that an axis will split next.
  private func taker(of axis: MeshAxis) -> Int? {
    factors.indices.first { goals[$0].starts(with: factors[$0].axes + [axis]) }
  }

  private var payments: [ReshardingStep] {
    let parts = owed.keys.sorted().compactMap { axis in
      owed[axis] == .sum
        ? taker(of: axis).map { ReshardingStep.reduceScatter(axis, factor: $0) } : nil
    }
    let wholes = Reduction.allCases.flatMap { reduction -> [ReshardingStep] in
      let axes = owed.filter { $0.value == reduction }.keys.sorted()
      let single = axes.map { ReshardingStep.allReduce(reduction, [$0]) }
      return axes.count > 1 ? [.allReduce(reduction, axes)] + single : single
    }
    return parts + wholes
  }

  /// What can become of the innermost axis of a factor that will not have it there.
  private func moves(from index: Int, _ mesh: Mesh) -> [ReshardingStep] {
    guard let axis = factors[index].axes.last, let taker = taker(of: axis), taker != index,
      !factors[index].isUneven(mesh),
      !ShardedFactor(factors[taker].size, factors[taker].axes + [axis]).isUneven(mesh)
    else { return [.gather(factor: index)] }
    return [.allToAll(from: index, to: taker), .gather(factor: index)]
  }

  /// Parts can be cut along axes that neither split another factor nor have something to pay.
  private var cuts: [ReshardingStep] {
    let taken = Set(factors.flatMap(\.axes)).union(owed.keys)
    return factors.indices.filter { index in
      let count = factors[index].axes.count
      return isOnTheWay(index) && count < goals[index].count && !taken.contains(goals[index][count])
    }.map { .cut(factor: $0) }
  }
}
