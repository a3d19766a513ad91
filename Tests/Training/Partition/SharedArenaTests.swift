import DeepEPCommunication
import DeepEPCompute
import DeepEPExecution
import DeepEPPlans
import DeepEPTensors
import DeepEPTransforms
import Testing

/// Where ranks share memory, all that a plan lays out is in it: collectives copy nothing.
@Suite struct SharedArenaTests {
  /// The bytes of a slot on each rank, if a rank can share some bytes; meeting takes 76 KiB of those.
  private func executors(segmentBytes: Int) throws -> [Int] {
    let run = try PartitionTests.run(isWide: false)
    let strategy = Strategy(data: 2)
    let rank = try run.program.applying(Program.lowering(strategy))
    let kernels = try KernelLibrary()
    let controls = LocalJobControl.job(hosts: [2])
    return try LocalGroup.run(rankCount: 2) { thread in
      var options = SharedMemoryOptions()
      options.segmentBytes = segmentBytes
      let shared = try SharedMemory.communicator(controls[thread.rank], options: options)
      let device = try CPUDevice(threadCount: 1, kernels: kernels)
      let ranks = try RankCommunicators(strategy.mesh, shared)
      let plan = try Plan(rank, for: device)
      let executor = try Executor(plan, on: device, ranks: ranks)
      return try executor.withSlot("transformer.wte.weight") { $1.count }
    }
  }

  @Test func aPlanFitsIntoWhatRanksShare() throws {
    #expect(try executors(segmentBytes: 64 << 20) == [13 * 8 * 4, 13 * 8 * 4])
  }

  @Test func tooLittleOfItIsSaidBeforeAnythingRuns() throws {
    let error = #expect(throws: CommunicationError.self) { try executors(segmentBytes: 80 << 10) }
    #expect("\(error as Any)".contains("bytes of shared memory"))
  }
}
