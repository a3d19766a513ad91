/// What carries the parcels of a group: this rank's end of a library's messages.
///
/// Messages of one part from one rank to another arrive in the order in which they were posted. One thread at a time
/// uses a carrier. Memory that was posted must stay until the request is not running any more; what a carrier has copied
/// by then it moves on by itself, whatever the rank does, even when the carrier is gone.
protocol ParcelCarrier: AnyObject {
  func send(_ bytes: UnsafeRawBufferPointer, to peer: Int, _ part: ParcelPart) -> ParcelRequest

  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from peer: Int, _ part: ParcelPart
  ) -> ParcelRequest

  /// Looks how a request goes on.
  func update(_ request: inout ParcelRequest)

  /// Asks for the end of a request, which may be under way for a while longer.
  func cancel(_ request: ParcelRequest)

  /// Moves what can be moved; returns whether anything did.
  func progress() -> Bool

  /// Sleeps until something may move, somebody wakes the rank, or the time is over.
  func sleep(_ waker: Waker, milliseconds: Int)

  /// Why a peer cannot be reached any more; nil while it can.
  func failure(of peer: Int) -> String?

  /// The library's words for a status.
  func reason(_ status: Int32) -> String

  /// Stays as it is from now on: something goes on that cannot be stopped.
  func abandon()
}

/// The messages that a parcel is sent as.
enum ParcelPart: UInt64 {
  case box, payload
}

/// What became of something that was asked of a carrier.
enum ParcelRequest {
  case sending(UnsafeMutableRawPointer)
  case receiving(UnsafeMutableRawPointer)
  case done(byteCount: Int)
  /// By a status of the library.
  case failed(Int32)

  /// - Parameters:
  ///   - status: 0 for what is done, 1 for what goes on, anything else for an error.
  ///   - running: what it is as long as it goes on.
  init(_ status: Int32, _ running: ParcelRequest?, byteCount: Int) {
    switch (status, running) {
    case (0, _): self = .done(byteCount: byteCount)
    case (1, let running?): self = running
    default: self = .failed(status)
    }
  }

  var isRunning: Bool {
    switch self {
    case .sending, .receiving: true
    case .done, .failed: false
    }
  }
}
