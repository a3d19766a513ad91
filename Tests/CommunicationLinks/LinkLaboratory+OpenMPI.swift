import Foundation

extension LinkLaboratory {
  /// A command line that starts ranks on the hosts by Open MPI's launcher, for `/bin/sh -c`.
  ///
  /// - Parameters:
  ///   - launcher: mpirun, and what else it is told.
  ///   - rankCounts: the number of ranks of each host, from the first on.
  ///   - program: what they run.
  ///   - path: where a script is written that stands in for ssh.
  package func openMPILine(
    _ launcher: [String], rankCounts: [Int], _ program: [String], agent path: String
  ) throws -> String {
    // A host of Open MPI is one that has a name of its own.
    let enter = rankCounts.indices.map {
      "nsenter --net=\(networkPath($0)) unshare --uts sh -c \"hostname host\($0); "
    }
    let cases = enter.enumerated().map { "host\($0)) exec \($1)$*\" ;;\n" }
    try "#!/bin/sh\nhost=$1; shift\ncase $host in\n\(cases.joined())esac\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    let hosts = rankCounts.enumerated().map { "host\($0):\($1)" }
    let options = [
      "--oversubscribe", "-n", "\(rankCounts.reduce(0, +))", "-H", hosts.joined(separator: ","),
      "--mca plm rsh --mca plm_rsh_agent", path, "--mca oob_tcp_if_include link0",
      "--mca pml ob1 --mca btl self,vader,tcp --mca btl_tcp_if_include link0",
    ]
    let line = (["exec"] + launcher + options + program).joined(separator: " ")
    return "exec \(enter[0])\(line)\""
  }
}
