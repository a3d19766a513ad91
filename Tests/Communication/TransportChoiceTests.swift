import DeepEPCommunication
import Testing

/// How ranks communicate that were not told.
@Suite struct TransportChoiceTests {
  private static let plain = TransportSight(hasUCX: true)
  private static let fabric = TransportSight(hasUCX: true, fabric: "rc_mlx5/mlx5_0:1")
  private static let launched = TransportSight(hasUCX: false, mpi: "Open MPI v4.1.4")
  private static let bare = TransportSight(hasUCX: false)

  @Test func ranksOfOneHostShareMemory() throws {
    let choice = try TransportChoice(LocalJobControl.job(hosts: [2])[0])
    #expect(choice.transport == .sharedMemory)
    #expect("\(choice)" == "ranks communicate by shared-memory: all are on one host")
  }

  @Test(arguments: [
    ([fabric, fabric], "ucx: UCX sees rc_mlx5/mlx5_0:1"),
    ([fabric, plain, bare], "tcp: UCX sees a fabric, but not on ranks 1, 2"),
    ([plain, plain], "tcp: UCX sees no fabric but TCP"),
    ([launched, launched], "mpi: there is no UCX, and their launcher has Open MPI v4.1.4"),
    ([launched, bare], "tcp: there is no UCX"), ([bare, bare], "tcp: there is no UCX"),
    ([launched, plain], "tcp: UCX sees no fabric but TCP"),
  ])
  func betweenHostsTheFabricDecides(_ sights: [TransportSight], _ words: String) {
    #expect("\(TransportChoice(sights))" == "ranks communicate by \(words)")
  }
}
