import Glibc

/// The monotonic clock by which events are timed.
public enum Clock {
  /// Seconds since an arbitrary moment that is the same for all processes of a host.
  public static var seconds: Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
  }

  /// Seconds since this process was launched by the operating system.
  public static var secondsSinceLaunch: Double {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    let boot = Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9
    return boot - launchSeconds
  }

  /// Field 22 of `/proc/self/stat`: the start in clock ticks since boot (proc(5)).
  private static var launchSeconds: Double {
    guard let file = fopen("/proc/self/stat", "r") else { return 0 }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = fread(&bytes, 1, bytes.count, file)
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return 0 }
    let fields = text[end...].split(separator: " ")
    guard fields.count > 20, let ticks = Double(fields[20]) else { return 0 }
    return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
