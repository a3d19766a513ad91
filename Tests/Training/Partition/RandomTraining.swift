import DeepEPElements
import DeepEPLaws
import DeepEPModels
import DeepEPOptimizers
import DeepEPStorage
import DeepEPTargets
import DeepEPTensors
import DeepEPTraining
import DeepEPTransforms

/// A model, a mesh of one to eight ranks, a strategy, an optimiser and the rest of a run by chance.
struct RandomTraining: CustomStringConvertible {
  let seed: UInt64
  private(set) var strategy = Strategy()
  /// Slow or fast, and other ones between tensor-parallel ranks.
  let links: Links
  private(set) var description = ""
  private var random: RandomSource
  private var builder = ProgramBuilder(optimizer: SGD())
  private var loss = Loss.crossEntropy

  init(seed: UInt64) {
    self.seed = seed
    random = RandomSource(seed: seed &+ 7919)
    var speeds = RandomSource(seed: seed &+ 104_729)
    let link = { (random: inout RandomSource) in
      Link(
        latencySeconds: random.pick([0, 1e-6, 1e-2]), bytesPerSecond: random.pick([1e3, 1e7, 1e11]))
    }
    links = Links(
      link(&speeds), along: [.tensor: link(&speeds)], workBeside: speeds.once(in: 2))
    let meshes = (1...8).flatMap { data in (1...(8 / data)).map { (data, $0) } }
    let (data, tensor) = random.pick(meshes.filter { $0.0 * $0.1 > 1 })
    strategy = Strategy(
      data: data, tensor: tensor, sequenceParallel: tensor > 1 && random.once(in: 2),
      zero: data > 1 ? random.below(4) : 0)
    if strategy.zero == 3, data == 4 || data > 5, data % 2 == 0, speeds.once(in: 2) {
      strategy.secondary = data == 6 ? 3 : 2
    }
  }

  /// The run; `isWide` in float64 by any optimiser, otherwise in float32 by SGD.
  mutating func run(isWide: Bool) throws -> MeshRun {
    let accumulation = random.pick([1, 1, 2, 3])
    builder = ProgramBuilder(
      optimizer: isWide ? optimizer() : SGD(learningRate: 0.05, momentum: random.pick([0, 0.9])),
      clipNorm: random.once(in: 2) ? random.pick([0.1, 1]) : nil,
      gradientAccumulation: accumulation, seed: seed,
      lossScaling: random.once(in: 4) ? LossScaling(initial: 8, growthInterval: 2) : nil,
      emaDecay: random.once(in: 3) ? 0.9 : nil)
    if random.once(in: 3) { loss = .crossEntropy(ignoring: 0) }
    description = "seed \(seed), \(strategy), \(links), accumulation \(accumulation)"
    let traced = try random.once(in: 3) ? classifier() : gpt()
    let program = try builder.completed(traced)
    let run = isWide ? program.widened : program
    return MeshRun(program: run, batches: batches(run, accumulation))
  }

  private mutating func optimizer() -> any Optimizer {
    let adamW = AdamW(learningRate: 0.01, weightDecay: 0.1)
    let sgd = SGD(
      learningRate: 0.1, schedule: .cosine(warmup: 2, total: 10), momentum: 0.9,
      isNesterov: random.once(in: 2), weightDecay: 0.01)
    // The signs of Lion turn rounding into steps, so it is not among them.
    return random.pick([
      adamW, sgd, Adafactor(learningRate: 0.05), Muon(learningRate: 0.02, others: adamW),
      ParameterGroups([ParameterGroup(.vectors, sgd)], others: adamW),
    ])
  }

  // MARK: Models

  private var batch: Int { strategy.data * (strategy.data > 4 ? 1 : 2) }
  private var classes = 11

  private mutating func gpt() throws -> Program {
    let heads = strategy.tensor * (strategy.tensor < 4 ? 1 + random.below(2) : 1)
    let context = 2 + random.below(5)
    classes = 9 + random.below(9)
    let configuration = GPT2Configuration(
      vocabulary: classes, context: context + random.below(2), width: heads * 2,
      layers: 1 + random.below(2), heads: heads, dropout: random.pick([0, 0.2]))
    description +=
      ", GPT-2 \(classes), \(heads), \(configuration.layers), dropout \(configuration.dropout), batch \(batch) x \(context)"
    if random.once(in: 4) { builder.frozen = ["transformer.h.0.attn"] }
    return try ProgramBuilder.traced(
      GPT2(configuration), loss,
      inputs: ["ids", "targets"].map { TensorDescription($0, .int32, [batch, context]) })
  }

  private mutating func classifier() throws -> Program {
    classes = 8 + random.below(6)
    let (features, hidden) = (3 + random.below(5), 8 + random.below(9))
    description += ", classifier \(features), \(hidden), \(classes), batch \(batch)"
    if random.once(in: 4) { builder.frozen = ["norm", "up"] }
    let dropout = random.pick([0, 0.3])
    // Of a group of one example the norm is zero, and its gradient rounding.
    let groups = random.pick([1, strategy.data].filter { $0 < batch })
    description += ", norm by \(groups)"
    let model = SplitClassifier(
      features: features, hidden: hidden, classes: classes, dropout: dropout,
      statistics: groups == 1 ? .wholeBatch : .groups(groups))
    return try ProgramBuilder.traced(
      model, loss,
      inputs: [
        TensorDescription("x", .float32, [batch, features]),
        TensorDescription("targets", .int32, [batch]),
      ])
  }

  // MARK: Data

  private mutating func batches(_ program: Program, _ count: Int) -> [[[String: HostArray]]] {
    let inputs = program.entry(.evaluate)?.inputs ?? []
    var all: [[[String: HostArray]]] = []
    for _ in 0..<3 {
      all.append(
        (0..<count).map { _ in
          inputs.reduce(into: [:]) { $0[$1.name] = array($1.type) }
        })
    }
    return all
  }

  private mutating func array(_ type: Type) -> HostArray {
    let isFloat = type.element.isFloatingPoint
    let numbers = (0..<type.elementCount).map { _ in
      isFloat ? random.unit() : Double(random.below(classes))
    }
    return HostArray(type.element, type.shape, numbers)
  }
}
