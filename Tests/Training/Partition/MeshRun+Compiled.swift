import DeepEPCommunication
import DeepEPCompute
import DeepEPExecution
import DeepEPPlans
import DeepEPTargets
import DeepEPTensors
import DeepEPTransforms

extension MeshRun {
  /// Runs through plans and executors, a thread and one compute thread for each rank, which share
  /// their kernels.
  ///
  /// - Parameters:
  ///   - kernels: Those of runs before, if they are to be shared too.
  ///   - hosts: How many ranks each host has that the ranks pretend to be on; nil: all are on one.
  func compiled(
    _ strategy: Strategy, _ links: Links = MachineTable.twoCores.links,
    _ kernels: KernelLibrary? = nil, hosts: [Int]? = nil
  ) throws -> Ending {
    let kernels = try kernels ?? KernelLibrary()
    var target = MachineTable.twoCores
    target.links = links
    let rank = try program.applying(Program.lowering(strategy, for: target))
    let rules = ShardingRules(strategy)
    let outcomes = try HostThreads.run(hosts ?? [strategy.rankCount]) { communicator in
      let device = try CPUDevice(threadCount: 1, kernels: kernels, links: links)
      let ranks = try RankCommunicators(
        rules.mesh, communicator, goBeside: links.workBeside)
      let executor = try Executor(Plan(rank, for: device), on: device, ranks: ranks)
      let losses = try steps(executor) { part(of: $0, rules, communicator.rank) }
      let slots = try rank.slots.map { slot in
        try executor.withSlot(slot.name) { type, bytes in
          HostArray(type.element, type.shape, bytes: UnsafeRawBufferPointer(bytes))
        }
      }
      return (losses: losses, slots: slots)
    }
    var result = ending(outcomes[0].losses, outcomes.map(\.slots), rank.slots)
    result.parts = rank.slots.enumerated().reduce(into: [:]) { parts, slot in
      parts[slot.element.name] = outcomes.map { $0.slots[slot.offset] }
    }
    return result
  }

  private func steps(
    _ executor: Executor, _ part: ([String: HostArray]) -> [String: HostArray]
  ) throws -> [Double] {
    let schedule = Schedule(program, microBatches: batches.first?.count ?? 1)
    try executor.prepare([.initialize] + schedule.entries)
    try executor.call(.initialize)
    return try batches.map { batch in
      var loss = 0.0
      for call in schedule.calls {
        let named = call.microBatch.map { part(batch[$0]) } ?? [:]
        let inputs = (program.entry(call.entry)?.inputs ?? []).compactMap { named[$0.name]?.bytes }
        try executor.call(call.entry, inputs)
        guard program.entry(call.entry)?.results.contains(where: { $0.name == "loss" }) ?? false
        else { continue }
        loss += try executor.result("loss", of: call.entry).doubles[0]
      }
      return loss
    }
  }
}
