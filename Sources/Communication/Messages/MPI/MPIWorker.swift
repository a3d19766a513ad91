import DeepEPSystemMPI
import Glibc

/// One end of the messages of a group that MPI moves.
final class MPIWorker: ParcelCarrier {
  /// MPI wakes nobody, so a rank looks again after a while, which grows from the first to the second.
  private static var pauseMicroseconds: (first: UInt32, last: UInt32) { (20, 1000) }

  private let library: MPILibrary
  /// Under which number this rank takes the group's messages.
  private let number: Int32
  private let peers: [MPIPlace]
  private let pieces: MPIPieces
  private var pause = MPIWorker.pauseMicroseconds.first

  /// - Parameters:
  ///   - peers: where messages for each rank of the group go.
  ///   - pieces: what messages are cut into, on all ranks of the group.
  init(_ library: MPILibrary, number: Int32, peers: [MPIPlace], pieces: MPIPieces) {
    (self.library, self.number, self.peers, self.pieces) = (library, number, peers, pieces)
  }

  /// The tag of what is sent to a rank that takes a group's messages under this number.
  static func tag(_ number: Int32, _ part: ParcelPart) -> Int32 {
    // Beyond any limit if it is too large.
    number > Int32.max >> 1 ? .max : number << 1 | Int32(part.rawValue)
  }

  // MARK: Messages

  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, _ part: ParcelPart) -> ParcelRequest {
    var request: OpaquePointer?
    let place = peers[peer]
    let status = deepep_mpi_send(
      library.handle, bytes.baseAddress, bytes.count, pieces.byteCount(bytes.count), place.process,
      Self.tag(place.number, part), &request)
    return ParcelRequest(status, request.map { .sending(.init($0)) }, byteCount: bytes.count)
  }

  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from peer: Int, _ part: ParcelPart
  ) -> ParcelRequest {
    var request: OpaquePointer?
    let status = deepep_mpi_receive(
      library.handle, bytes.baseAddress, bytes.count, pieces.byteCount(bytes.count),
      peers[peer].process,
      Self.tag(number, part), &request)
    return ParcelRequest(status, request.map { .receiving(.init($0)) }, byteCount: 0)
  }

  func update(_ request: inout ParcelRequest) {
    switch request {
    case .sending(let running), .receiving(let running):
      var count = 0
      let status = deepep_mpi_test(library.handle, OpaquePointer(running), &count)
      request = ParcelRequest(status, request, byteCount: count)
      if !request.isRunning { pause = Self.pauseMicroseconds.first }
    case .done, .failed: break
    }
  }

  /// Only receives end before their time: MPI knows no way to take a message back.
  func cancel(_ request: ParcelRequest) {
    if case .receiving(let running) = request {
      deepep_mpi_cancel(library.handle, OpaquePointer(running))
    }
  }

  // MARK: Moving on

  /// Looking at requests moves them on.
  func progress() -> Bool { false }

  func sleep(_ waker: Waker, milliseconds: Int) {
    usleep(min(pause, UInt32(clamping: milliseconds) * 1000))
    pause = min(2 * pause, Self.pauseMicroseconds.last)
  }

  // MARK: Ending

  /// MPI tells of lost connections when something is asked of them, if it does not end the process.
  func failure(of peer: Int) -> String? { nil }

  func reason(_ status: Int32) -> String { library.reason(status) }

  func abandon() { deepep_mpi_abandon(library.handle) }
}
