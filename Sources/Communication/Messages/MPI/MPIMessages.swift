import DeepEPSystemMPI
import FoundationEssentials

/// The MPI transport's messages: those of all groups go through one communicator of MPI, and have tags of their own.
struct MPIMessages: MessageFabric {
  private let library: MPILibrary

  /// Opens the library of the launcher, and initialises it together with all ranks of the job.
  ///
  /// - Throws: ``CommunicationError`` if no launcher of MPI has started the ranks, or its library cannot be used.
  init(
    _ control: any JobControl,
    _ variables: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    library = try MPILibrary(MPILauncher(variables))
    try library.start(control)
  }

  func channel(_ control: any JobControl, among members: [Int]) throws -> any MessageChannel {
    let waker = try Waker()
    let rank = members.firstIndex(of: control.rank) ?? 0
    let worker = members.count > 1 ? try worker(control, members) : nil
    return ParcelChannel(worker, rankCount: members.count, rank: rank, waker)
  }

  /// Makes a group for MPI's own collectives, as all its ranks do.
  ///
  /// - Parameter tag: the same on all of them.
  /// - Throws: ``CommunicationError`` also if MPI lets only one thread call it: such a collective keeps it busy.
  func group(_ control: any JobControl, _ members: [Int], tag: Int32) throws -> MPIGroup {
    guard deepep_mpi_is_multiple(library.handle) != 0 else {
      throw library.error(
        "\(library.version) does not let several threads call it (MPI_THREAD_MULTIPLE)", control,
        "choose communication 'mpi'")
    }
    return try MPIGroup(
      library, control, places(control, members, number: 0).map(\.process), tag: tag)
  }

  /// Tells the others which process of MPI this rank is, and under which number it takes their messages.
  private func worker(_ control: any JobControl, _ members: [Int]) throws -> MPIWorker {
    let number = deepep_mpi_next_number(library.handle)
    guard MPIWorker.tag(number, .payload) <= deepep_mpi_tag_limit(library.handle) else {
      throw library.error(
        "\(library.version) has tags for \(number) groups only", control,
        "make fewer groups, or choose communication 'tcp'")
    }
    let places = try places(control, members, number: number)
    return MPIWorker(
      library, number: number, peers: places,
      pieces: MPIPieces(control.membership, members, hasFabric: places.contains(where: \.hasFabric))
    )
  }

  private func places(
    _ control: any JobControl, _ members: [Int], number: Int32
  ) throws -> [MPIPlace] {
    let place = MPIPlace(
      process: deepep_mpi_rank(library.handle), number: number, hasFabric: MPIPieces.hostHasFabric)
    let all = try control.exchange(place.bytes, as: "mpi", among: members)
    return try all.enumerated().map { peer, bytes in
      guard let place = MPIPlace(bytes), place.process < control.rankCount else {
        throw library.error(
          "\(control.membership.name(of: members[peer])) has sent no place in MPI", control,
          "use one version on all ranks")
      }
      return place
    }
  }
}

/// Where messages for a rank of a group go.
struct MPIPlace: Hashable {
  /// The rank's number in MPI.
  var process: Int32
  /// The number that the rank gave to the group.
  var number: Int32
  /// Whether its host has devices by which messages go other than through sockets.
  var hasFabric: Bool

  init(process: Int32, number: Int32, hasFabric: Bool) {
    (self.process, self.number, self.hasFabric) = (process, number, hasFabric)
  }

  /// Reads what another rank has sent; nil if it makes no sense.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == 9, bytes[8] < 2 else { return nil }
    let words = [0, 4].map { start in
      bytes[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    guard let process = Int32(exactly: words[0]), let number = Int32(exactly: words[1]) else {
      return nil
    }
    self.init(process: process, number: number, hasFabric: bytes[8] == 1)
  }

  var bytes: [UInt8] {
    let words = [process, number].flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
    return words + [hasFabric ? 1 : 0]
  }
}
