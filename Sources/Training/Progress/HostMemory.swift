import DeepEPEvents

/// The memory of this host, as the kernel counts it.
package enum HostMemory {
  /// All of it.
  package static var bytes: Int { ProcessMemory.kibibytes("MemTotal:", in: path) << 10 }
  /// What a process could get now.
  package static var availableBytes: Int {
    ProcessMemory.kibibytes("MemAvailable:", in: path) << 10
  }

  /// What processes like this one can have: all of it, or what a container or a batch system leaves them.
  package static var limitBytes: Int {
    let groups = ProcFile.text("/proc/self/cgroup").split(separator: "\n")
    let limits = groups.flatMap { limitFiles(of: $0) }.compactMap { file in
      Int(ProcFile.text(file).filter { !$0.isWhitespace })
    }
    return (limits.filter { $0 > 0 } + [bytes].filter { $0 > 0 }).min() ?? .max
  }

  /// Where a line of cgroups(7) says that a limit may stand; inside of a container the path is not that of the host.
  private static func limitFiles(of group: Substring) -> [String] {
    let parts = group.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return [] }
    let paths = [String(parts[2]), ""]
    switch parts[1] {
    case "": return paths.map { "/sys/fs/cgroup\($0)/memory.max" }
    case "memory": return paths.map { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
    default: return []
    }
  }

  private static var path: String { "/proc/meminfo" }
}
