import DeepEPCommunication
import DeepEPElements

/// What every transport keeps: its collectives are the serial computation in the order of the ranks.
package enum CollectiveLaw {
  /// Calls every collective for elements of a type; says what differs.
  package static func problems(
    _ communicator: any Communicator, _ element: ElementType, count: Int, seed: Int,
    _ place: Memory.Place = .own
  ) throws -> [String] {
    let (rank, ranks) = (communicator.rank, communicator.rankCount)
    let all = (0..<ranks).map { Numbers.bytes(element, count * ranks, seed: seed + $0) }
    var problems: [String] = []
    func check(_ what: String, _ expected: [UInt8], _ body: (Memory, Memory) throws -> Void) throws
    {
      let source = try Memory(all[rank], place, communicator)
      let destination = try Memory(count: expected.count, place, communicator)
      try body(source, destination)
      if destination.bytes != expected { problems.append("\(what) \(element) \(count) \(rank)") }
      if source.bytes != all[rank] { problems.append("\(what) writes its source") }
    }
    for reduction in CollectiveReduction.allCases
    where element.isFloatingPoint || reduction != .mean {
      let reduced = Serial.reduced(all, element, reduction)
      try check("all-reduce \(reduction)", reduced) {
        try communicator.allReduce(
          $0.constant, into: $1.mutable, element: element, reduction: reduction)
      }
      for outer in Set([1, count]).sorted() {
        let block = Serial.block(reduced, rank, of: ranks, outerCount: outer)
        try check("reduce-scatter \(reduction) \(outer)", block) {
          try communicator.reduceScatter(
            $0.constant, into: $1.mutable, element: element, reduction: reduction,
            outerCount: outer)
        }
      }
    }
    for outer in Set([1, count, count * ranks]).sorted() {
      try check("all-gather \(outer)", Serial.gathered(all, outerCount: outer)) {
        try communicator.allGather($0.constant, into: $1.mutable, outerCount: outer)
      }
    }
    try check("all-to-all", Serial.exchanged(all, rank)) {
      try communicator.allToAll($0.constant, into: $1.mutable)
    }
    let uneven = Serial.Uneven(ranks, count, element.byteCount, seed: seed)
    try check("uneven all-to-all", uneven.exchanged(all, rank)) {
      try communicator.allToAll(
        .init(rebasing: $0.constant[..<uneven.sourceCount(rank)]), counts: uneven.counts[rank],
        into: $1.mutable, counts: uneven.counts.map { $0[rank] })
    }
    try check("ring of messages", all[(rank + ranks - 1) % ranks]) {
      guard ranks > 1 else { return $1.mutable.copyBytes(from: $0.bytes) }
      let (next, last) = ((rank + 1) % ranks, (rank + ranks - 1) % ranks)
      if rank == 0 { try communicator.send($0.constant, to: next) }
      try communicator.receive(into: $1.mutable, from: last)
      if rank != 0 { try communicator.send($0.constant, to: next) }
    }
    for root in 0..<ranks {
      let buffer = try Memory(all[rank], place, communicator)
      try communicator.broadcast(buffer.mutable, root: root)
      if buffer.bytes != all[root] { problems.append("broadcast \(root)") }
    }
    try communicator.barrier()
    return problems
  }

  /// Every collective for every element type, odd sizes, and larger ones in all kinds of memory.
  package static func problems(_ communicator: any Communicator) throws -> [String] {
    let small = try ElementType.allCases.flatMap { element in
      try [0, 1, 3, 7, 65].flatMap { count in
        try problems(communicator, element, count: count, seed: 100 * count)
      }
    }
    let large = try Memory.Place.allCases.flatMap { place in
      try [ElementType.float32, .bfloat16, .int8].flatMap {
        try problems(communicator, $0, count: 30_011, seed: 1, place)
      }
    }
    return small + large
  }
}
