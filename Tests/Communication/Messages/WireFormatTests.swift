import DeepEPCommunication
import DeepEPCommunicationLaws
import Testing

/// Numbers that travel in fewer bits arrive on all ranks with the same bits, and nothing is lost for ever.
@Suite struct WireFormatTests {
  private static var count: Int { 3001 }

  private static func numbers(_ rank: Int) -> [Float] {
    var generator = Numbers(rank + 1)
    return (0..<count).map { _ in Float(Double(generator.next() >> 11) * 0x1p-52 - 1) }
  }

  private static func exact(_ rankCount: Int) -> [Double] {
    let all = (0..<rankCount).map(numbers)
    return (0..<count).map { index in all.reduce(0) { $0 + Double($1[index]) } }
  }

  /// Sums of each rank after each of some steps with the same sources.
  private func sums(
    _ hosts: [Int], _ wire: WireFormat, stepCount: Int, keepsResidual: Bool
  ) throws -> [[[Float]]] {
    var job = WiredJob(hosts: hosts, .hierarchical)
    job.options.pieceBytes = 4000
    return try job.run { world in
      let communicator = try #require(world as? any CompressingCommunicator)
      var residual = [Float](repeating: 0, count: Self.count)
      return try (0..<stepCount).map { _ in
        let source = Self.numbers(world.rank)
        var result = [Float](repeating: .nan, count: Self.count)
        try source.withUnsafeBytes { from in
          try result.withUnsafeMutableBytes { to in
            try residual.withUnsafeMutableBytes { rest in
              try communicator.allReduce(
                from, into: to, reduction: .sum, wire: wire,
                residual: keepsResidual ? rest : nil)
            }
          }
        }
        return result
      }
    }
  }

  @Test(arguments: WireFormat.allCases, [[2, 2], [1, 1, 1]])
  func allRanksGetTheSameBitsNearTheSum(_ wire: WireFormat, _ hosts: [Int]) throws {
    let all = try sums(hosts, wire, stepCount: 1, keepsResidual: false).map { $0[0] }
    #expect(Set(all.map { $0.map(\.bitPattern) }).count == 1)
    let exact = Self.exact(all.count)
    let hostCount = Double(hosts.count)
    // What a host sends is at most 2 for each of its ranks; the sum is rounded once more.
    let bound = Double(all.count) * (wire == .int8 ? (1 + 1 / hostCount) / 127 : 0x1p-7)
    let worst = zip(all[0], exact).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(worst < (wire == .exact ? 1e-5 : bound), "\(wire)")
    #expect(wire == .exact || worst > 1e-4, "nothing was rounded")
  }

  /// The sums of many steps differ from the exact ones by as much as those of one step.
  @Test(arguments: [WireFormat.bfloat16, .int8])
  func residualsBringBackWhatWasLost(_ wire: WireFormat) throws {
    let steps = 24
    let worst = try [true, false].map { keepsResidual in
      let all = try sums([2, 2], wire, stepCount: steps, keepsResidual: keepsResidual)[0]
      return zip(Self.exact(4).indices, Self.exact(4)).map { index, exact in
        abs(all.reduce(0) { $0 + Double($1[index]) } - Double(steps) * exact)
      }.max() ?? .infinity
    }
    #expect(worst[0] < worst[1] / 4, "\(worst)")
  }

  /// What the ranks are left with, and the results of all steps, make up all that was given.
  @Test(arguments: [WireFormat.bfloat16, .int8], [[2, 2], [1, 1], [2, 2, 2]])
  func resultsAndResidualsAreAllThatWasGiven(_ wire: WireFormat, _ hosts: [Int]) throws {
    var job = WiredJob(hosts: hosts, .hierarchical)
    job.options.pieceBytes = 4000
    let stepCount = 12
    let all = try job.run { world in
      var residual = [Float](repeating: 0, count: Self.count)
      var results = [Double](repeating: 0, count: Self.count)
      for step in 0..<stepCount {
        var numbers = Self.numbers(100 * step + world.rank)
        try numbers.withUnsafeMutableBytes { bytes in
          try residual.withUnsafeMutableBytes {
            try world.allReduce(
              UnsafeRawBufferPointer(bytes), into: bytes, reduction: .sum, wire: wire,
              residual: $0)
          }
        }
        for index in results.indices { results[index] += Double(numbers[index]) }
      }
      return (results, residual)
    }
    let given = (0..<Self.count).map { index in
      (0..<stepCount).reduce(0.0) { sum, step in
        (0..<all.count).reduce(sum) { $0 + Double(Self.numbers(100 * step + $1)[index]) }
      }
    }
    #expect(Set(all.map(\.0)).count == 1)
    let left = (0..<Self.count).map { index in all.reduce(0) { $0 + Double($1.1[index]) } }
    let missing = zip(given, zip(all[0].0, left)).map { abs($0 - $1.0 - $1.1) }.max() ?? .infinity
    // Each step rounds sums of float32 numbers below 8 a few times.
    #expect(missing < Double(stepCount * all.count) * 0x1p-21, "\(wire)")
    #expect((left.map(abs).max() ?? 0) > 1e-3, "nothing was rounded")
  }

  /// The same of blocks, which each rank gets of its own; two outer rows, so that blocks lie in two places.
  @Test(arguments: [WireFormat.bfloat16, .int8], [[2, 2], [1, 1], [2, 2, 2]])
  func blocksAndResidualsAreAllThatWasGiven(_ wire: WireFormat, _ hosts: [Int]) throws {
    var job = WiredJob(hosts: hosts, .hierarchical)
    job.options.pieceBytes = 4000
    let (ranks, inner) = (hosts.reduce(0, +), 700)
    let count = 2 * ranks * inner
    let numbers: @Sendable (Int) -> [Float] = { seed in
      (0..<count).map { Float(($0 * 7919 + seed * 104_729) % 997) / 499 - 1 }
    }
    let all = try job.run { world in
      var residual = [Float](repeating: 0, count: count)
      var results = [Double](repeating: 0, count: count)
      for step in 0..<12 {
        var block = [Float](repeating: 0, count: 2 * inner)
        try numbers(100 * step + world.rank).withUnsafeBytes { source in
          try block.withUnsafeMutableBytes { block in
            try residual.withUnsafeMutableBytes {
              try world.reduceScatter(
                source, into: block, reduction: .sum, outerCount: 2, wire: wire, residual: $0)
            }
          }
        }
        for index in block.indices {
          let (outer, place) = index.quotientAndRemainder(dividingBy: inner)
          results[(outer * ranks + world.rank) * inner + place] += Double(block[index])
        }
      }
      return (results, residual)
    }
    var missing = [Double](repeating: 0, count: count)
    for seed in (0..<12).flatMap({ step in (0..<ranks).map { 100 * step + $0 } }) {
      for (index, number) in numbers(seed).enumerated() { missing[index] += Double(number) }
    }
    for (results, residual) in all {
      for index in missing.indices { missing[index] -= results[index] + Double(residual[index]) }
    }
    #expect((missing.map(abs).max() ?? 1) < 12 * Double(ranks) * 0x1p-21, "\(wire)")
    #expect(all.contains { $0.1.contains { abs($0) > 1e-4 } }, "nothing was rounded")
  }

  /// Queues sum with fewer bits, too; where all ranks are on one host nothing is rounded.
  @Test(arguments: [[2, 2], [4]]) func queuesTakeFormats(_ hosts: [Int]) throws {
    let all = try WiredJob(hosts: hosts, .hierarchical, over: .tcp).run { world in
      let queue = try CommunicationQueue(world)
      var numbers = Self.numbers(world.rank)
      var residual = [Float](repeating: 0, count: numbers.count)
      try numbers.withUnsafeMutableBytes { bytes in
        try residual.withUnsafeMutableBytes {
          try queue.start(
            .compressedAllReduce(
              UnsafeRawBufferPointer(bytes), into: bytes, reduction: .sum, wire: .bfloat16,
              residual: $0)
          ).wait()
        }
      }
      return (numbers, residual.contains { $0 != 0 })
    }
    #expect(Set(all.map(\.0)).count == 1)
    #expect(all.allSatisfy { $0.1 == (hosts.count > 1) })
    let worst = zip(all[0].0, Self.exact(4)).map { abs(Double($0) - $1) }.max() ?? .infinity
    #expect(worst < (hosts.count > 1 ? 0.05 : 1e-5))
  }

  /// Ranks that do not agree how numbers travel are out of step.
  @Test func formatsAreCompared() throws {
    let texts = try WiredJob(hosts: [2, 2], .hierarchical).run { world in
      let memory = Memory(count: 64)
      do {
        try world.allReduce(
          memory.constant, into: memory.mutable, reduction: .sum,
          wire: world.rank == 2 ? .int8 : .bfloat16, residual: nil)
      } catch { return "\(error)" }
      return ""
    }
    #expect(texts.allSatisfy { $0.contains("out of step") && $0.contains("root or format") })
  }

  @Test func blocksThatAreNotFiniteBecomeNotANumber() throws {
    let results = try WiredJob(hosts: [1, 1], .hierarchical).run { world in
      let communicator = try #require(world as? any CompressingCommunicator)
      var numbers = [Float](repeating: 1, count: 512)
      if world.rank == 0 { numbers[3] = .infinity }
      try numbers.withUnsafeMutableBytes {
        try communicator.allReduce(
          UnsafeRawBufferPointer($0), into: $0, reduction: .sum, wire: .int8, residual: nil)
      }
      return numbers
    }
    for numbers in results {
      #expect(numbers[..<256].allSatisfy(\.isNaN) && numbers[256...].allSatisfy { $0 == 2 })
    }
  }

  @Test func residualsMustFit() throws {
    let texts = try WiredJob(hosts: [1, 1], .hierarchical).run { world in
      let communicator = try #require(world as? any CompressingCommunicator)
      let (memory, rest) = (Memory(count: 8), Memory(count: 4))
      do {
        try communicator.allReduce(
          memory.constant, into: memory.mutable, reduction: .sum, wire: .int8,
          residual: rest.mutable)
      } catch { return "\(error)" }
      return ""
    }
    #expect(texts.allSatisfy { $0.contains("the residual has 4 bytes") && $0.contains("8 bytes") })
  }
}
