import Foundation
import Glibc

/// Sees to the microsecond when processes end, whosever children they are (pidfd_open(2)).
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

/// The clock that all processes of a host share.
enum SharedClock {
  static var seconds: Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
  }
}

/// The processes of this host.
enum ProcessTable {
  /// Those that were started with some text among their variables, or have it on their command lines.
  static func processes(with mark: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { process in
      process != getpid() && ["environ", "cmdline"].contains { contains("\(process)/\($0)", mark) }
    }
  }

  private static func contains(_ file: String, _ mark: String) -> Bool {
    guard let data = FileManager.default.contents(atPath: "/proc/" + file) else { return false }
    return data.range(of: Data(mark.utf8)) != nil
  }

  /// The words of a process's command line.
  static func words(_ process: Int32) -> [String] {
    let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
    return String(decoding: data, as: UTF8.self).split(separator: "\0").map(String.init)
  }

  /// The parent of a process, nil if it is gone.
  static func parent(_ process: Int32) -> Int32? { field("PPid", of: process).map { Int32($0) } }

  /// The most memory that a process has had, in bytes.
  static func peakBytes(_ process: Int32) -> Int? { field("VmHWM", of: process).map { $0 << 10 } }

  private static func field(_ name: String, of process: Int32) -> Int? {
    let data = FileManager.default.contents(atPath: "/proc/\(process)/status") ?? Data()
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix(name + ":") }
    return line?.split { $0 == "\t" || $0 == " " }.dropFirst().first.flatMap { Int($0) }
  }
}
