import DeepEPModels
import DeepEPStorage
import DeepEPTensors
import DeepEPTraining

/// The paths that traces of a model took, in order.
final class PathLog {
  var paths: [Int] = []
}

/// A model whose control flow depends on data, and the same model with one path written out.
protocol Branching: DynamicModule {
  /// The paths that were taken.
  var log: PathLog { get }

  /// A model with the same parameters that always takes one path.
  func fixed(_ path: Int) -> any Module
}

/// A layer is applied as often as the mean of the input says.
struct DepthModel: Branching {
  let layer = Linear(4, 4)
  let head = Linear(4, 1)
  let log = PathLog()

  func output(for x: Tensor) throws -> Tensor {
    let depth = try x.mean().integer()
    log.paths.append(depth)
    var y = x
    for _ in 0..<depth { y = y + layer(y).hyperbolicTangent() }
    return head(y)
  }

  private struct Fixed: Module {
    let layer: Linear
    let head: Linear
    let depth: Int

    func callAsFunction(_ x: Tensor) -> Tensor {
      head((0..<depth).reduce(x) { y, _ in y + layer(y).hyperbolicTangent() })
    }
  }

  func fixed(_ path: Int) -> any Module { Fixed(layer: layer, head: head, depth: path) }
}

/// Large inputs go through one layer, small ones through another.
struct BranchModel: Branching {
  let large = Linear(4, 1)
  let small = Linear(4, 1)
  let log = PathLog()

  func output(for x: Tensor) throws -> Tensor {
    let isLarge = try x.mean().scalar() > 2
    log.paths.append(isLarge ? 1 : 0)
    return isLarge ? large(x) : small(x * x)
  }

  private struct Fixed: Module {
    let large: Linear
    let small: Linear
    let isLarge: Bool

    func callAsFunction(_ x: Tensor) -> Tensor { isLarge ? large(x) : small(x * x) }
  }

  func fixed(_ path: Int) -> any Module { Fixed(large: large, small: small, isLarge: path == 1) }
}

/// A state follows a layer until it changes little: the number of rounds depends on input and weights.
struct ConvergenceModel: Branching {
  let layer = Linear(4, 4)
  let head = Linear(4, 1)
  let log = PathLog()

  func output(for x: Tensor) throws -> Tensor {
    var (state, change, rounds) = (x * 0, Double.infinity, 0)
    while change > 0.05, rounds < 9 {
      let next = try (layer(state) * 0.5 + x * 0.3).hyperbolicTangent().materialized()
      change = try ((next - state) * (next - state)).largest().scalar()
      (state, rounds) = (next, rounds + 1)
    }
    log.paths.append(rounds)
    return head(state)
  }

  private struct Fixed: Module {
    let layer: Linear
    let head: Linear
    let rounds: Int

    func callAsFunction(_ x: Tensor) -> Tensor {
      head(
        (0..<rounds).reduce(x * 0) { state, _ in
          (layer(state) * 0.5 + x * 0.3).hyperbolicTangent()
        })
    }
  }

  func fixed(_ path: Int) -> any Module { Fixed(layer: layer, head: head, rounds: path) }
}

/// Rows of four numbers whose mean is close to 1.5, 2.5 or 3.5, from batch to batch; the target is a
/// smooth function of them.
struct LevelLoader: BatchLoader {
  var batchSize = 8
  var examplesPerEpoch = 96
  var validationBatchCount = 2
  /// The number of examples in a row on one level.
  var run = 8

  var inputs: [TensorDescription] {
    [
      TensorDescription("x", .float32, [batchSize, 4]),
      TensorDescription("y", .float32, [batchSize, 1]),
    ]
  }

  func batch(atExample position: Int, count: Int) throws -> Batch {
    var (x, y): ([Float], [Float]) = ([], [])
    for example in position..<position + count {
      let level = 1.5 + Float((example % examplesPerEpoch / run) % 3)
      let row = (0..<4).map { column in
        level + Float(Random.word(9, (example % examplesPerEpoch) * 4 + column) >> 40) * 0x1p-25
          - 0.25
      }
      x += row
      y.append(row[0] - 0.5 * row[1] + 0.25 * row[2] * row[3])
    }
    return Batch(
      [try BatchArray("x", [count, 4], x), try BatchArray("y", [count, 1], y)], validCount: count)
  }

  func validationBatch(_ index: Int) throws -> Batch {
    try batch(atExample: index * batchSize, count: batchSize)
  }
}

extension Loss {
  /// The square of the difference.
  static let squaredError = Loss { ($0 - $1) * ($0 - $1) }
}
