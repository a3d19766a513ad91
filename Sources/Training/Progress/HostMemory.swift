/// The memory of this host, as the kernel counts it.
package enum HostMemory {
  /// All of it.
  package static var bytes: Int { ProcessMemory.kibibytes("MemTotal:", in: path) << 10 }
  /// What a process could get now.
  package static var availableBytes: Int {
    ProcessMemory.kibibytes("MemAvailable:", in: path) << 10
  }

  private static var path: String { "/proc/meminfo" }
}
