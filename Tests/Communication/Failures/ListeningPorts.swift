import DeepEPEvents
import Foundation

/// The TCP ports at which a process listens (proc(5)).
enum ListeningPorts {
  static func of(_ process: Int32) -> [UInt16] {
    let folder = "/proc/\(process)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let targets = Set(
      names.compactMap {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
      })
    let table = ProcFile.text("/proc/\(process)/net/tcp")
    return table.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      // Local address, remote address, state (0A: listening) ... the number of the socket.
      guard fields.count > 9, fields[3] == "0A", targets.contains("socket:[\(fields[9])]") else {
        return nil
      }
      return fields[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
    }
  }
}
