import DeepEPCommunicationLinks
import Foundation

/// What starts ranks on the two hosts of a link laboratory; its words to the second go over the link.
final class LaboratoryAgent {
  /// Words that launch a rank on each host.
  let words: [String]
  /// Waits on the second host for what is to be run there.
  private let relay = Process()

  init(_ links: LinkLaboratory, in folder: URL) throws {
    let program = CommandRun.communicationRank
    relay.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
    relay.arguments = ["--net=\(links.networkPath(1))", program, "relay-host", "700"]
    relay.currentDirectoryURL = folder
    try relay.run()
    let file = folder.appendingPathComponent("laboratory-agent")
    let text = """
      #!/bin/sh
      case $1 in
      near) exec nsenter --net=\(links.networkPath(0)) sh -c "$2" ;;
      far) exec '\(program)' relay \(LinkLaboratory.address(1)) 700 "exec $2" ;;
      esac

      """
    try text.write(to: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    words = [
      "--hosts", "near:1,far:1", "--agent", file.path, "--address", LinkLaboratory.address(0),
    ]
  }

  /// Ends what still waits on the second host.
  func finish() {
    relay.terminate()
    relay.waitUntilExit()
  }
}
