import DeepEPExecution
import DeepEPStorage
import DeepEPTensors
import DeepEPTransforms

/// The state of a run as whole tensors, whatever part of them this rank holds.
struct LogicalState {
  /// The slots as one device has them.
  let slots: [Slot]
  let executor: Executor
  let rules: ShardingRules
  let ranks: RankCommunicators?

  /// What a checkpoint says of the slots.
  var tensors: [TensorDescription] {
    slots.map { TensorDescription($0.name, $0.type.element, $0.type.shape) }
  }

  private func shard(_ slot: Slot) -> Shard? { ranks == nil ? nil : rules.shard(slot) }

  // MARK: Writing

  /// Writes a checkpoint on the first rank, tensor by tensor; collective over all ranks.
  ///
  /// - Parameter others: what is written beside the state.
  func write(
    _ state: CheckpointState, to path: String, beside others: [TensorToWrite] = []
  ) throws {
    guard let ranks, ranks.rank > 0 else {
      try Checkpoint.write(tensorsToWrite() + others, state: state, to: path)
      return try announce(Self.end)
    }
    while let slot = try heard(ranks) { try give(slot) }
  }

  /// The tensors; of those that ranks share the bytes come when they are asked for, on the first rank.
  func tensorsToWrite() -> [TensorToWrite] {
    slots.enumerated().map { index, slot in
      TensorToWrite(slot.name, slot.type.element, slot.type.shape) { consume in
        guard let shard = shard(slot) else {
          return try executor.withSlot(slot.name) { try consume(UnsafeRawBufferPointer($1)) }
        }
        try announce(index)
        try withUnsafeTemporaryBuffer(slot.type.byteCount) { whole in
          try gather(slot, shard, into: whole)
          try consume(UnsafeRawBufferPointer(whole))
        }
      }
    }
  }

  /// Stands for the number of a slot when there is no other one to be written.
  private static var end: Int { -1 }

  /// Tells the other ranks which slot is written next.
  private func announce(_ index: Int) throws {
    guard let ranks else { return }
    var index = index
    try withUnsafeMutableBytes(of: &index) { try ranks.all.broadcast($0, root: 0) }
  }

  /// The slot that the first rank writes next; nil if there is none.
  private func heard(_ ranks: RankCommunicators) throws -> Slot? {
    var index = Self.end
    try withUnsafeMutableBytes(of: &index) { try ranks.all.broadcast($0, root: 0) }
    return slots.indices.contains(index) ? slots[index] : nil
  }

  /// Sends this rank's part to the first one, unless that has it from another rank.
  private func give(_ slot: Slot) throws {
    guard let ranks, let shard = shard(slot), shard.isOwner(ranks.rank) else { return }
    try executor.withSlot(slot.name) { try ranks.all.send(UnsafeRawBufferPointer($1), to: 0) }
  }

  /// Puts the parts of all ranks together on the first one.
  private func gather(
    _ slot: Slot, _ shard: Shard, into whole: UnsafeMutableRawBufferPointer
  ) throws {
    let elementBytes = slot.type.element.byteCount
    try executor.withSlot(slot.name) { type, own in
      shard.copy(
        fromPart: UnsafeRawBufferPointer(own), of: 0, to: whole, elementBytes: elementBytes)
      try withUnsafeTemporaryBuffer(type.byteCount) { part in
        for rank in 1..<shard.mesh.rankCount where shard.isOwner(rank) {
          try ranks?.all.receive(into: part, from: rank)
          shard.copy(
            fromPart: UnsafeRawBufferPointer(part), of: rank, to: whole, elementBytes: elementBytes)
        }
      }
    }
  }

  private func withUnsafeTemporaryBuffer(
    _ byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    defer { buffer.deallocate() }
    try body(buffer)
  }

  // MARK: Reading

  /// Reads this rank's part of a tensor of a checkpoint.
  func read(_ slot: Slot, from checkpoint: Checkpoint) throws {
    try checkpoint.tensor(named: slot.name).withBytes { try read(slot, fromWhole: $0) }
  }

  /// Takes this rank's part of the bytes of a whole slot.
  func read(_ slot: Slot, fromWhole source: UnsafeRawBufferPointer) throws {
    try executor.withSlot(slot.name) { _, target in
      guard let ranks, let shard = shard(slot) else { return target.copyMemory(from: source) }
      shard.copy(
        from: source, toPart: target, of: ranks.rank, elementBytes: slot.type.element.byteCount)
    }
  }
}
