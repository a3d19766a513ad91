import DeepEPTraining
import Glibc

/// The executable `deepep`.
@main struct Main {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if let status = InnerCommand.run(arguments) { exit(status) }
    exit(
      EntryPoint.run {
        try CommandTable.deepep(output: .standard).run(arguments, output: .standard)
      })
  }
}
