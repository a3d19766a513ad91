import DeepEPCommunication
import DeepEPCommunicationLaws
import DeepEPElements
import Glibc

/// Random operations, the same on all ranks, for a test to disturb.
///
/// Each rank says where it is, a line each: "process 4711", "holding", "running", "mistake 12.3", "left", and when it is
/// told of a failure "ended 12.4" and the failure. Times are seconds of the clock that all processes of a host share.
struct Stream {
  private let arguments: StreamArguments
  private let transport: CommunicationTransport

  /// - Parameter words: the transport and what ``StreamArguments`` reads; nil if they make no sense.
  init?(_ words: [String]) {
    guard let first = words.first, let transport = CommunicationTransport(rawValue: first),
      let arguments = StreamArguments(words.dropFirst())
    else { return nil }
    (self.arguments, self.transport) = (arguments, transport)
  }

  /// Runs this process's rank; returns its exit status.
  func run() -> Int32 {
    say("process \(getpid())")
    hold(.join, arguments.ownRank)
    do {
      let control = try Job.join()
      do { try run(control) } catch let error as CommunicationError {
        throw control.fail(error)
      }
      return 0
    } catch {
      say("ended \(Self.seconds)\nerror: \(error)")
      return 1
    }
  }

  private func run(_ control: any JobControl) throws {
    let rank = control.membership.rank
    hold(.setUp, rank)
    try holdInMeeting(control)
    let world = try transport.communicator(control, messages: MessageOptions())
    say("running")
    for index in 0..<arguments.operationCount {
      if index == arguments.operationCount / 2 { hold(.between, rank) }
      if let late = arguments.late, (late.rank, late.index) == (rank, index) { sleep(late.seconds) }
      try step(index, world, control)
      if arguments.pauseMilliseconds > 0 {
        var numbers = Numbers(index &* 77 &+ rank)
        usleep(UInt32(numbers.next() % UInt64(arguments.pauseMilliseconds * 1000)))
      }
    }
    hold(.leave, rank)
    control.leave()
    say("left")
  }

  private func step(_ index: Int, _ world: any Communicator, _ control: any JobControl) throws {
    var operation = StreamOperation(
      index: index, seed: arguments.seed, byteLimit: arguments.byteLimit)
    if let mistake = arguments.mistake, mistake.index == index {
      operation.kind = .sum
      let isWrong = mistake.rank == world.rank
      if isWrong { say("mistake \(Self.seconds)") }
      if let disorder = Disorder(rawValue: mistake.kind.rawValue) {
        try disorder.run(world, isWrong: isWrong)
      }
      if isWrong, try !make(mistake.kind, &operation, world, control) { return }
    }
    try operation.run(world)
  }

  /// Does another thing than the other ranks, or changes the operation; returns whether it is still to be done.
  private func make(
    _ mistake: StreamMistake.Kind, _ operation: inout StreamOperation, _ world: any Communicator,
    _ control: any JobControl
  ) throws -> Bool {
    switch mistake {
    case .operation: operation.kind = operation.other
    case .size: operation.count += 1 + world.rank
    case .element: operation.element = operation.element == .float32 ? .int32 : .float32
    case .skip: return false
    case .group:
      _ = try world.group(Array(0..<world.rankCount))
      return false
    case .send:
      let memory = Memory(count: 8)
      try withExtendedLifetime(memory) {
        try world.send(memory.constant, to: (world.rank + 1) % world.rankCount)
      }
      return false
    case .leave:
      control.leave()
      say("left")
      exit(0)
    // All ranks have done their part of these, and nobody gets here.
    case .queue, .beside, .queues, .groups, .threads: return false
    }
    return true
  }

  // MARK: Words

  private func hold(_ place: StreamHold.Place, _ rank: Int) {
    guard let hold = arguments.hold, hold.place == place, hold.rank == rank else { return }
    say("holding")
    while true { sleep(1) }
  }

  /// Takes part in the exchange of ports, and then comes to none of them.
  private func holdInMeeting(_ control: any JobControl) throws {
    guard let hold = arguments.hold, hold.place == .meeting, hold.rank == control.membership.rank
    else { return }
    _ = try control.exchange(MessageOptions().agreement, as: "algorithms")
    _ = try control.exchange([UInt8](repeating: 0, count: 18), as: "tcp")
    self.hold(.meeting, hold.rank)
  }

  /// Into the output, and into a file that a test reads wherever the output goes.
  private func say(_ text: String) {
    print(text)
    fflush(nil)
    guard let name = getenv("DEEPEP_TEST_WORDS"),
      let file = fopen("\(String(cString: name))-\(arguments.ownRank)", "a")
    else { return }
    fputs(text + "\n", file)
    fclose(file)
  }

  private static var seconds: Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
  }
}
