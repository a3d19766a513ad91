import DeepEPCommunication
import Foundation
import Testing

/// Which ranks run where, and how their lines look.
@Suite struct LaunchPlanTests {
  private func ranks(_ count: Int, _ hosts: String) throws -> [String] {
    let hosts = try #require(LaunchHost.list(hosts))
    return try LaunchPlan(rankCount: count, hosts: hosts).places.map {
      "\($0.host ?? "here") \($0.ranks)"
    }
  }

  @Test func ranksAreSpread() throws {
    #expect(try LaunchPlan(rankCount: 3, hosts: []).places == [.init(host: nil, ranks: 0..<3)])
    #expect(try ranks(5, "a,b") == ["a 0..<3", "b 3..<5"])
    #expect(try ranks(1, "a,b") == ["a 0..<1"])
    #expect(try ranks(5, "a:1,b:4") == ["a 0..<1", "b 1..<5"])
    #expect(try ranks(2, "a:2,b:4") == ["a 0..<2"])
    #expect(throws: CommunicationError.self) { try ranks(7, "a:2,b:4") }
  }

  @Test(arguments: ["", "a,", "a:0", "a:x", "a:1:2", "-oProxyCommand=x", ":2"])
  func whatIsNoListIsRefused(_ text: String) { #expect(LaunchHost.list(text) == nil) }

  @Test func filesOfHostsAreRead() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "# my hosts\n\na  slots=2 # two\nb:3\n c\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    #expect(
      try LaunchHost.list(file: path) == [
        LaunchHost(name: "a", slotCount: 2), LaunchHost(name: "b", slotCount: 3),
        LaunchHost(name: "c"),
      ])
    try "a\nb slots=x\n".write(toFile: path, atomically: true, encoding: .utf8)
    let error = #expect(throws: CommunicationError.self) { try LaunchHost.list(file: path) }
    #expect(error?.place == "\(path):2")
    #expect(throws: CommunicationError.self) { try LaunchHost.list(file: path + "x") }
  }

  /// As many ranks as the job can have of those that are left, where those are; or else as many as before.
  @Test func fewerRanksStartAgain() throws {
    let hosts = try #require(LaunchHost.list("a,b"))
    let start = RankStart(rankCount: 4, hosts: hosts)
    let point = RestartPoint(rankCounts: [4, 2, 1], checkpoint: .init(path: "x", step: 7))
    let next = try start.next(without: [1], from: point)
    #expect(
      next
        == RankStart(
          rankCount: 2, hosts: [.init(name: "a", slotCount: 1), .init(name: "b", slotCount: 2)],
          restart: Restart(number: 1, checkpoint: "x")))
    let last = try next.next(without: [0], from: RestartPoint(rankCounts: [2, 1]))
    #expect(
      last
        == RankStart(
          rankCount: 1, hosts: [.init(name: "b", slotCount: 1)],
          restart: Restart(number: 2, checkpoint: "x")))
    for point in [RestartPoint(rankCounts: [4]), nil] {
      let same = try start.next(without: [0, 1], from: point)
      #expect(same == RankStart(rankCount: 4, hosts: hosts, restart: Restart(number: 1)))
    }
    let here = try RankStart(rankCount: 2, hosts: []).next(without: [1], from: point)
    #expect(here.rankCount == 1 && here.hosts == [])
  }

  @Test func linesCarryTheirRank() {
    var tagger = LineTagger(rank: 3)
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    #expect(text(tagger.add(Array("a".utf8))) == "")
    #expect(text(tagger.add(Array("b\n\ncd".utf8))) == "[3] ab\n[3] \n")
    #expect(text(tagger.add(Array("\n".utf8))) == "[3] cd\n")
    #expect(text(tagger.add(Array("end".utf8))) == "" && text(tagger.finish()) == "[3] end\n")
    #expect(tagger.finish() == [])
    let long = [UInt8](repeating: 65, count: LineTagger.lineLimit + 1)
    #expect(tagger.add(long).count == long.count + 5)
  }
}
