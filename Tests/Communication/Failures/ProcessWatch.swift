import Glibc

/// Sees when processes end, whosever children they are (pidfd_open(2)).
final class ProcessWatch {
  private typealias Call = @convention(c) (Int, Int, Int) -> Int
  private static var openCall: Int { 434 }

  private var descriptors: [Int32: Int32] = [:]
  /// When each process has ended, in seconds of the clock.
  private(set) var endSeconds: [Int32: Double] = [:]

  init(_ processes: [Int32]) {
    guard let symbol = dlsym(nil, "syscall") else { return }
    let call = unsafeBitCast(symbol, to: Call.self)
    for process in processes {
      let descriptor = Int32(truncatingIfNeeded: call(Self.openCall, Int(process), 0))
      if descriptor >= 0 { descriptors[process] = descriptor } else { note(process) }
    }
  }

  deinit { for descriptor in descriptors.values { close(descriptor) } }

  /// Whether all have ended.
  var isOver: Bool { descriptors.isEmpty }

  /// Waits until one ends, at most for some time.
  func wait(milliseconds: Int32) {
    let order = Array(descriptors)
    var list = order.map { pollfd(fd: $0.value, events: Int16(POLLIN), revents: 0) }
    guard poll(&list, nfds_t(list.count), milliseconds) > 0 else { return }
    for (entry, item) in zip(list, order) where entry.revents != 0 {
      close(item.value)
      descriptors[item.key] = nil
      note(item.key)
    }
  }

  private func note(_ process: Int32) { endSeconds[process] = SharedClock.seconds }
}
