import Foundation

/// Programs of this package that were built beside the tests.
enum BuiltProgram {
  static var deepep: String { path("deepep") }
  static var rank: String { path("DeepEPCommunicationRank") }

  private static func path(_ name: String) -> String {
    let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let candidates = [bundle, source.appendingPathComponent("../../../.build/release")].map {
      $0.appendingPathComponent(name).standardized.path
    }
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[1]
  }
}
