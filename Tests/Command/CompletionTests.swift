import DeepEPCommand
import DeepEPTraining
import Foundation
import Testing

/// `deepep completion`, as the shells themselves understand it.
@Suite(.tags(.process)) struct CompletionTests {
  private func run(_ shell: String, _ arguments: [String], in folder: URL) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: shell)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
  }

  private func withScript(_ shell: String, _ body: (URL) throws -> Void) throws {
    try withFolder { folder in
      let script = try CommandRun(["completion", shell], in: folder)
      #expect(script.status == 0, "\(script.errors)")
      try Data(script.output.utf8).write(to: folder.appendingPathComponent("script"))
      try body(folder)
    }
  }

  /// What stands on the command line, with the last word open, and what bash offers for it.
  @Test func bashOffersCommandsOptionsAndValues() throws {
    let cases: [(line: [String], offers: String)] = [
      (["tra"], "train"), (["train", "--optimizer", "ada"], "adamw adafactor"),
      (["train", "--check"], "--checkpoint-every"), (["train", "--out", "x"], ""),
      (["train", "--from", "x"], ""), (["train", "--fr"], "--from --freeze"),
      (["train", "--steps", ""], ""), (["inspect", "gpt-t"], "gpt-tiny"),
      (["inspect", "gpt-tiny", "--after", "me"], "memory"),
      (["launch", "-n", "2", "--", "gen"], "generate"),
      (["launch", "-n", "2", "--", "train", "--prec"], "--precision"),
      (["completion", "z"], "zsh"),
    ]
    try withScript("bash") { folder in
      for (line, offers) in cases {
        let words = line.map { "'\($0)'" }.joined(separator: " ")
        let text = try run(
          "/bin/bash",
          [
            "-c",
            """
            source ./script; COMP_WORDS=(deepep \(words)); COMP_CWORD=\(line.count)
            _deepep; echo "${COMPREPLY[*]}"
            """,
          ], in: folder)
        #expect(text == "\(offers)\n", "\(line)")
      }
    }
  }

  /// A terminal in which somebody types the beginning of a word and a tab.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/zsh")))
  func zshCompletesWhatIsTyped() throws {
    try withScript("zsh") { folder in
      for (typed, completed) in [
        ("deepep tra", "deepep train "), ("deepep train --optimizer adam", "adamw"),
      ] {
        let text = try run(
          "/usr/bin/zsh",
          [
            "-f", "-c",
            """
            zmodload zsh/zpty; zpty z TERM=dumb zsh -f -i
            zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; source ./script; print rea""dy'
            zpty -r -m z line '*ready*'
            zpty -w -n z $'\(typed)\\t'; sleep 1; zpty -w -n z $'\\x15exit\\n'
            while zpty -r z line; do print -r -- "$line"; done
            """,
          ], in: folder)
        #expect(text.contains(completed), "\(typed): \(text)")
      }
    }
  }
}

/// The examples of all commands.
@Suite struct ExampleTests {
  private let commands = CommandTable.deepep(output: .standard).commands

  /// Examples are command lines that the command takes.
  @Test func everyCommandHasExamplesThatItUnderstands() {
    for command in commands {
      #expect(!command.examples.isEmpty, "\(command.name)")
      for example in command.examples {
        let words = example.prefix { $0 != ">" }.matches(of: /"([^"]*)"|(\S+)/)
          .map { String($0.1 ?? $0.2 ?? "") }
        #expect(throws: Never.self, "\(command.name) \(example)") { try command.read(words) }
      }
    }
  }
}
