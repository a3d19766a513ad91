import DeepEPEvents
import Foundation
import Glibc

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
    ProcFile.text("/proc/" + file).contains(mark)
  }

  /// The words of a process's command line.
  static func words(_ process: Int32) -> [String] {
    ProcFile.text("/proc/\(process)/cmdline").split(separator: "\0").map(String.init)
  }

  /// The parent of a process, nil if it is gone.
  static func parent(_ process: Int32) -> Int32? { field("PPid", of: process).map { Int32($0) } }

  /// The most memory that a process has had, in bytes.
  static func peakBytes(_ process: Int32) -> Int? { field("VmHWM", of: process).map { $0 << 10 } }

  private static func field(_ name: String, of process: Int32) -> Int? {
    let line = ProcFile.text("/proc/\(process)/status").split(separator: "\n")
      .first { $0.hasPrefix(name + ":") }
    return line?.split { $0 == "\t" || $0 == " " }.dropFirst().first.flatMap { Int($0) }
  }
}
