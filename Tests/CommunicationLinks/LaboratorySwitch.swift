import Dispatch
import Foundation
import Glibc
import Synchronization

/// Carries packets between tunnels: each sender's one after another at a rate, each a while later.
final class LaboratorySwitch: Sendable {
  private struct State {
    var sentBytes: [Int]
    var cutHosts: Set<Int> = []
    var isStopped = false
  }

  private struct Packet {
    let arrivalSeconds: Double
    let target: Int
    let bytes: [UInt8]
  }

  private let tunnels: [Int32]
  private let bytesPerSecond: Double
  private let delaySeconds: Double
  private let state: Mutex<State>
  private let hasEnded = DispatchSemaphore(value: 0)

  init(_ tunnels: [Int32], bytesPerSecond: Double, delaySeconds: Double) {
    (self.tunnels, self.bytesPerSecond, self.delaySeconds) = (tunnels, bytesPerSecond, delaySeconds)
    state = Mutex(State(sentBytes: Array(repeating: 0, count: tunnels.count)))
  }

  func start() {
    let thread = Thread { [self] in
      run()
      hasEnded.signal()
    }
    thread.start()
  }

  /// Stops, and returns when no packet is carried any more.
  func stop() {
    state.withLock { $0.isStopped = true }
    hasEnded.wait()
  }

  var sentBytes: [Int] { state.withLock { $0.sentBytes } }

  func setConnected(_ host: Int, _ isConnected: Bool) {
    state.withLock { state in
      state.cutHosts.remove(host)
      if !isConnected { state.cutHosts.insert(host) }
    }
  }

  // MARK: The thread

  private func run() {
    Self.wakePrecisely()
    var queues = [[Packet]](repeating: [], count: tunnels.count)
    var busyUntil = [Double](repeating: 0, count: tunnels.count)
    var buffer = [UInt8](repeating: 0, count: LaboratoryHost.headerBytes + (1 << 16))
    while !state.withLock({ $0.isStopped }) {
      var isIdle = true
      for source in tunnels.indices {
        if take(from: source, &queues[source], &busyUntil[source], &buffer) { isIdle = false }
        if deliver(&queues[source]) { isIdle = false }
      }
      if isIdle { rest(until: queues.compactMap { $0.first?.arrivalSeconds }.min()) }
    }
  }

  private typealias Poll =
    @convention(c) (
      UnsafeMutablePointer<pollfd>, nfds_t, UnsafePointer<timespec>, UnsafeRawPointer?
    ) -> Int32
  private typealias ThreadNumber = @convention(c) () -> Int32

  /// Sleeps until packets come, or until the next one arrives that is on its way.
  private func rest(until arrivalSeconds: Double?) {
    guard let symbol = dlsym(nil, "ppoll") else { return }
    let seconds = min(0.02, max(0, (arrivalSeconds ?? .infinity) - Self.now))
    var limit = timespec(tv_sec: 0, tv_nsec: Int(seconds * 1e9))
    var entries = tunnels.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    _ = unsafeBitCast(symbol, to: Poll.self)(&entries, nfds_t(entries.count), &limit, nil)
  }

  /// Asks the kernel to wake this thread when it wants, not with others at once, and to run it before all that
  /// compute: a wire waits for no processor.
  private static func wakePrecisely() {
    var priority = sched_param(sched_priority: 1)
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority)
    guard let symbol = dlsym(nil, "gettid") else { return }
    let thread = unsafeBitCast(symbol, to: ThreadNumber.self)()
    let file = open("/proc/\(thread)/timerslack_ns", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = write(file, "1000", 4)
    close(file)
  }

  private func take(
    from source: Int, _ queue: inout [Packet], _ busyUntil: inout Double, _ buffer: inout [UInt8]
  ) -> Bool {
    var hasTaken = false
    for _ in 0..<64 {
      let count = read(tunnels[source], &buffer, buffer.count)
      guard count > 0 else { break }
      hasTaken = true
      let (start, packetBytes) = (LaboratoryHost.headerBytes, count - LaboratoryHost.headerBytes)
      // The last byte of the target's address, in a packet of version 4.
      guard packetBytes >= 20, buffer[start] >> 4 == 4 else { continue }
      let target = Int(buffer[start + 19]) - 1
      guard tunnels.indices.contains(target), target != source, isOpen(source, target) else {
        continue
      }
      busyUntil = max(busyUntil, Self.now) + Double(packetBytes) / bytesPerSecond
      state.withLock { $0.sentBytes[source] += packetBytes }
      queue.append(
        Packet(
          arrivalSeconds: busyUntil + delaySeconds, target: target, bytes: Array(buffer[..<count])))
    }
    return hasTaken
  }

  private func isOpen(_ source: Int, _ target: Int) -> Bool {
    state.withLock { !$0.cutHosts.contains(source) && !$0.cutHosts.contains(target) }
  }

  private func deliver(_ queue: inout [Packet]) -> Bool {
    let now = Self.now
    let due = queue.prefix { $0.arrivalSeconds <= now }
    for packet in due { _ = write(tunnels[packet.target], packet.bytes, packet.bytes.count) }
    let count = due.count
    queue.removeFirst(count)
    return count > 0
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
