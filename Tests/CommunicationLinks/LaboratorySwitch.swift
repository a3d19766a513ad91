import Dispatch
import Foundation
import Glibc
import Synchronization

/// Carries packets between tunnels: each sender's one after another at a rate, each a while later.
///
/// Each tunnel has a thread for what it sends, on a core of its own as far as there are as many: hosts bear alike what
/// the links take of the processor.
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
    for source in tunnels.indices {
      let thread = Thread { [self] in
        carry(from: source)
        hasEnded.signal()
      }
      thread.start()
    }
  }

  /// Stops, and returns when no packet is carried any more.
  func stop() {
    state.withLock { $0.isStopped = true }
    for _ in tunnels { hasEnded.wait() }
  }

  var sentBytes: [Int] { state.withLock { $0.sentBytes } }

  func setConnected(_ host: Int, _ isConnected: Bool) {
    state.withLock { state in
      state.cutHosts.remove(host)
      if !isConnected { state.cutHosts.insert(host) }
    }
  }

  // MARK: The threads

  private func carry(from source: Int) {
    Self.takeCore(source)
    Self.wakePrecisely()
    var queue: [Packet] = []
    var busyUntil = 0.0
    while !state.withLock({ $0.isStopped }) {
      let hasTaken = take(from: source, &queue, &busyUntil)
      let hasDelivered = deliver(&queue)
      if !hasTaken, !hasDelivered { rest(source, until: queue.first?.arrivalSeconds) }
    }
  }

  private typealias Poll =
    @convention(c) (
      UnsafeMutablePointer<pollfd>, nfds_t, UnsafePointer<timespec>, UnsafeRawPointer?
    ) -> Int32
  private typealias ThreadNumber = @convention(c) () -> Int32

  /// Sleeps until packets come, or until the next one arrives that is on its way.
  private func rest(_ source: Int, until arrivalSeconds: Double?) {
    guard let symbol = dlsym(nil, "ppoll") else { return }
    let seconds = min(0.02, max(0, (arrivalSeconds ?? .infinity) - Self.now))
    var limit = timespec(tv_sec: 0, tv_nsec: Int(seconds * 1e9))
    var entry = pollfd(fd: tunnels[source], events: Int16(POLLIN), revents: 0)
    _ = unsafeBitCast(symbol, to: Poll.self)(&entry, 1, &limit, nil)
  }

  private typealias Affinity = @convention(c) (Int32, Int, UnsafeMutableRawPointer) -> Int32

  /// Stays on one of the cores that this process may use: sched_setaffinity(2).
  private static func takeCore(_ number: Int) {
    guard let get = dlsym(nil, "sched_getaffinity"), let set = dlsym(nil, "sched_setaffinity")
    else { return }
    var mask = [UInt8](repeating: 0, count: 1024)
    guard unsafeBitCast(get, to: Affinity.self)(0, mask.count, &mask) == 0 else { return }
    var cores: [Int] = []
    for core in 0..<8 * mask.count {
      let bit: UInt8 = 1 << (core % 8)
      if mask[core / 8] & bit != 0 { cores.append(core) }
    }
    guard !cores.isEmpty else { return }
    let core = cores[number % cores.count]
    mask = [UInt8](repeating: 0, count: mask.count)
    mask[core / 8] = 1 << (core % 8)
    _ = unsafeBitCast(set, to: Affinity.self)(0, mask.count, &mask)
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
    from source: Int, _ queue: inout [Packet], _ busyUntil: inout Double
  ) -> Bool {
    var hasTaken = false
    for _ in 0..<64 {
      let bytes = packet(of: tunnels[source])
      guard !bytes.isEmpty else { break }
      hasTaken = true
      let (start, count) = (LaboratoryHost.headerBytes, bytes.count - LaboratoryHost.headerBytes)
      // The last byte of the target's address, in a packet of version 4.
      guard count >= 20, bytes[start] >> 4 == 4 else { continue }
      let target = Int(bytes[start + 19]) - 1
      guard tunnels.indices.contains(target), target != source, isOpen(source, target) else {
        continue
      }
      busyUntil = max(busyUntil, Self.now) + Double(count) / bytesPerSecond
      state.withLock { $0.sentBytes[source] += count }
      queue.append(Packet(arrivalSeconds: busyUntil + delaySeconds, target: target, bytes: bytes))
    }
    return hasTaken
  }

  /// The next packet of a tunnel behind its header; empty if there is none.
  private func packet(of tunnel: Int32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: LaboratoryHost.headerBytes + (1 << 16)) { bytes, count in
      count = max(0, read(tunnel, bytes.baseAddress, bytes.count))
    }
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
