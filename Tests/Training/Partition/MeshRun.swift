import DeepEPCommunication
import DeepEPExecution
import DeepEPLaws
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms

/// A training run of some steps on numbers of its own, on one rank or on a mesh.
struct MeshRun: Sendable {
  /// The program of one device, with `initialize` and the entries of a step.
  let program: Program
  /// For each micro-batch of each step the inputs by name.
  let batches: [[[String: HostArray]]]

  /// What a run ends with.
  struct Ending: Sendable {
    /// The loss of each step.
    var losses: [Double] = []
    /// The whole tensors of slots by name; accumulators are left out.
    var state: [String: HostArray] = [:]
    /// What each rank has of a slot, by name; of compiled runs.
    var parts: [String: [HostArray]] = [:]
  }

  private var microBatches: Int { batches.first?.count ?? 1 }

  /// Runs on the interpreter, on one rank.
  func alone() throws -> Ending {
    var interpreter = try Interpreter(program)
    let losses = try steps(&interpreter) { $0 }
    return ending(losses, [interpreter.slots], program.slots)
  }

  /// Runs on the interpreter, a thread for each rank of a strategy.
  func interpreted(
    _ strategy: Strategy, _ links: Links = MachineTable.twoCores.links
  ) throws -> Ending {
    var target = MachineTable.twoCores
    target.links = links
    let rank = try program.applying([
      Expand(), Partition(strategy, links), Bucket(strategy, for: target),
    ])
    let rules = ShardingRules(strategy)
    let outcomes = try LocalGroup.run(rankCount: strategy.rankCount) { communicator in
      let ranks = try RankCommunicators(rules.mesh, communicator)
      var interpreter = try Interpreter(rank, ranks: ranks)
      let losses = try steps(&interpreter) { inputs in
        part(of: inputs, rules, communicator.rank)
      }
      return (losses: losses, slots: interpreter.slots)
    }
    return ending(outcomes[0].losses, outcomes.map(\.slots), rank.slots)
  }

  /// The inputs of one rank.
  func part(
    of inputs: [String: HostArray], _ rules: ShardingRules, _ rank: Int
  ) -> [String: HostArray] {
    let declared = program.entries.flatMap(\.inputs)
    return inputs.reduce(into: [:]) { parts, input in
      guard let known = declared.first(where: { $0.name == input.key }) else { return }
      let sharding = rules.input(known)
      let shard = Shard(shape: known.type.shape, sharding: sharding, mesh: rules.mesh)
      parts[input.key] = shard.part(of: input.value, rank: rank)
    }
  }

  private func steps(
    _ interpreter: inout Interpreter, _ part: ([String: HostArray]) -> [String: HostArray]
  ) throws -> [Double] {
    _ = try interpreter.call(.initialize)
    let schedule = Schedule(program, microBatches: microBatches)
    return try batches.map { batch in
      var loss = 0.0
      for call in schedule.calls {
        let named = call.microBatch.map { part(batch[$0]) } ?? [:]
        let inputs = (program.entry(call.entry)?.inputs ?? []).compactMap { named[$0.name] }
        let results = try interpreter.call(call.entry, inputs)
        loss += results["loss"]?.doubles[0] ?? 0
      }
      return loss
    }
  }

  func ending(_ losses: [Double], _ parts: [[HostArray]], _ slots: [Slot]) -> Ending {
    var ending = Ending(losses: losses)
    for (index, slot) in slots.enumerated() where ![.accumulator, .residual].contains(slot.kind) {
      ending.state[slot.name] =
        slot.shard?.assembled(parts.map { $0[index] }) ?? parts[0][index]
    }
    return ending
  }
}

extension MeshRun.Ending {
  /// What differs from another ending by more than a tolerance, norm-wise.
  func differences(from other: MeshRun.Ending, tolerance: Double) -> [String] {
    let steps = zip(losses, other.losses).enumerated().filter { _, pair in
      !(abs(pair.0 - pair.1) <= tolerance * max(1, abs(pair.0)))
    }
    let tensors = state.sorted { $0.key < $1.key }.compactMap { name, value -> String? in
      let error = other.state[name].map(value.normwiseError) ?? .infinity
      return error <= tolerance ? nil : "\(name) is off by \(error)"
    }
    return steps.map { "loss \($0.offset): \($0.element.0) and \($0.element.1)" } + tensors
  }
}
