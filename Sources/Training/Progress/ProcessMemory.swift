import DeepEPEvents

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
    let line = ProcFile.text(path).split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst().first
      .flatMap { Int($0.filter(\.isNumber)) } ?? 0
  }
}
