import Glibc

/// The memory of this process, as the kernel counts it.
package enum ProcessMemory {
  /// The most that was ever resident.
  package static var peakBytes: Int { kibibytes("VmHWM:") << 10 }
  /// What is resident now.
  package static var residentBytes: Int { kibibytes("VmRSS:") << 10 }

  /// What is resident of memory that ranks share and counts for other processes: a page that two of them use counts
  /// half for each.
  ///
  /// The kernel looks at every page: not for every step.
  package static var othersBytes: Int {
    let resident = kibibytes("RssShmem:")
    guard resident > 0 else { return 0 }
    return max(0, resident - kibibytes("Pss_Shmem:", in: "/proc/self/smaps_rollup")) << 10
  }

  /// A line of `/proc/self/status`, or of another file of proc(5).
  static func kibibytes(_ name: String, in path: String = "/proc/self/status") -> Int {
    guard let file = fopen(path, "r") else { return 0 }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst().first
      .flatMap { Int($0.filter(\.isNumber)) } ?? 0
  }
}
