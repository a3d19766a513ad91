import DeepEPCommunication
import Foundation
import Testing

/// Which algorithm is taken, and where that is read from.
@Suite struct AlgorithmTableTests {
  private static let two = AlgorithmTable.Layout(hostCount: 2, rankCount: 4)

  private static func file(_ text: String, _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json").path
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private static func document(_ rows: String, version: Int = 1) -> String {
    "{\"format\": \"deepep-algorithms\", \"version\": \(version), \"processor\": \"x\", \"rows\": [\(rows)]}"
  }

  @Test func tablesChooseByLayoutAndSize() {
    let one = AlgorithmTable.Layout(hostCount: 1, rankCount: 4)
    let large = AlgorithmTable.Layout(hostCount: 8, rankCount: 64)
    let table = AlgorithmTable(rows: [
      .init(.allReduce, on: one, byteLimit: 100, algorithm: .direct),
      .init(.allReduce, on: one, algorithm: .ring),
      .init(.allReduce, on: Self.two, byteLimit: 10, algorithm: .hierarchicalDoubling),
      .init(.allReduce, on: Self.two, algorithm: .hierarchical),
      .init(.allReduce, on: large, algorithm: .recursiveDoubling),
      .init(.broadcast, on: Self.two, algorithm: .hierarchical),
    ])
    let cases: [(TunedCollective, Int, Int, Int, CollectiveAlgorithm)] = [
      (.allReduce, 100, 1, 4, .direct), (.allReduce, 101, 1, 4, .ring),
      (.allReduce, 101, 1, 9, .ring), (.allReduce, 10, 2, 4, .hierarchicalDoubling),
      (.allReduce, 11, 2, 4, .hierarchical), (.allReduce, 11, 3, 3, .hierarchical),
      (.allReduce, 11, 7, 14, .recursiveDoubling), (.broadcast, 5, 1, 2, .hierarchical),
      (.allToAll, 5, 2, 4, .direct),
    ]
    for (collective, bytes, hosts, ranks, expected) in cases {
      let found = table.algorithm(
        for: collective, byteCount: bytes, hostCount: hosts, rankCount: ranks)
      #expect(found == expected, "\(collective) \(bytes) \(hosts) \(ranks)")
    }
  }

  @Test func rowsAreTheFastestOfEachSize() {
    func time(_ bytes: Int, _ seconds: [String: Double]) -> AlgorithmFile.Time {
      .init(.allReduce, on: Self.two, bytes: bytes, seconds: seconds)
    }
    let table = AlgorithmTable([
      time(1600, ["direct": 3, "ring": 2, "hierarchical": 2.05]),
      time(100, ["direct": 1, "ring": 2]), time(400, ["direct": 1.02, "ring": 1]),
      time(6400, ["ring": 9, "hierarchical": 8]),
    ])
    #expect(
      table.rows == [
        .init(.allReduce, on: Self.two, byteLimit: 800, algorithm: .direct),
        .init(.allReduce, on: Self.two, byteLimit: 3200, algorithm: .ring),
        .init(.allReduce, on: Self.two, algorithm: .hierarchical),
      ])
    let other = AlgorithmTable(rows: [
      .init(.allReduce, on: Self.two, algorithm: .ring),
      .init(.broadcast, on: Self.two, algorithm: .direct),
    ])
    #expect(table.completed(by: other).rows == table.rows + [other.rows[1]])
  }

  @Test func filesKeepTables() throws {
    let table = AlgorithmTable(rows: [
      .init(.allReduce, on: Self.two, byteLimit: 100, algorithm: .hierarchicalDoubling),
      .init(.allReduce, on: Self.two, algorithm: .ring),
      .init(.broadcast, on: Self.two, algorithm: .direct),
    ])
    let time = AlgorithmFile.Time(.allReduce, on: Self.two, bytes: 10, seconds: ["ring": 0.25])
    let written = AlgorithmFile(table, processor: "some", times: [time])
    try Self.file(try written.json()) { path in
      let read = try AlgorithmFile(path: path)
      #expect(read == written)
      #expect(try read.table(place: path) == table)
    }
  }

  @Test func thePackagedTableIsThere() {
    let rows = AlgorithmTable.packaged.rows
    for collective in TunedCollective.allCases {
      #expect(rows.contains { $0.collective == collective && $0.layout == Self.two })
    }
    let large = AlgorithmTable.packaged.algorithm(
      for: .allReduce, byteCount: 64 << 20, hostCount: 2, rankCount: 4)
    #expect(large == .hierarchical)
  }

  @Test(arguments: [
    ("", "no JSON"), ("[1, 2", "no JSON"), ("[]", "there is no Dictionary"),
    ("{\"format\": \"x\"}", "there is no 'version'"),
    (document("", version: 2), "its version is 2, not 1"),
    (document("{}"), "there is no 'collective' in rows.0"),
    (
      document(
        "{\"collective\": \"all-reduce\", \"hosts\": \"2\", \"ranks\": 4, \"algorithm\": \"ring\"}"),
      "there is no Int in rows.0.hosts"
    ),
    (
      document(
        "{\"collective\": \"al-reduce\", \"hosts\": 2, \"ranks\": 4, \"algorithm\": \"ring\"}"),
      "'al-reduce' is none of all-reduce, reduce-scatter"
    ),
    (
      document(
        "{\"collective\": \"broadcast\", \"hosts\": 2, \"ranks\": 4, \"algorithm\": \"ring\"}"),
      "'ring' is none of direct, hierarchical"
    ),
    (
      document(
        "{\"collective\": \"broadcast\", \"hosts\": 4, \"ranks\": 2, \"algorithm\": \"direct\"}"),
      "there are no 2 ranks on 4 hosts"
    ),
    (
      document(
        "{\"collective\": \"broadcast\", \"hosts\": 1, \"ranks\": 1, \"algorithm\": \"direct\", \"up_to_bytes\": -1}"
      ), "a size is negative"
    ),
    (
      document(
        "{\"collective\": \"broadcast\", \"hosts\": 1, \"ranks\": 1, \"algorithm\": \"direct\"}, {\"collective\": \"broadcast\", \"hosts\": 1, \"ranks\": 1, \"algorithm\": \"direct\", \"up_to_bytes\": 3}"
      ), "the sizes of a collective do not ascend"
    ),
  ])
  func whatIsWrongIsNamed(_ text: String, _ reason: String) throws {
    try Self.file(text) { path in
      let error = #expect(throws: CommunicationError.self) { try AlgorithmFile(path: path) }
      let what = error?.description ?? ""
      #expect(what.contains(reason), "\(what)")
      #expect(what.contains(path) && what.contains("deepep benchmark communication"), "\(what)")
    }
  }

  @Test func filesThatAreNoneAreRefused() throws {
    for (path, reason) in [
      ("/nowhere", "cannot be opened"), ("/dev/zero", "it is no file"), ("/tmp", "it is no file"),
    ] {
      let error = #expect(throws: CommunicationError.self) { try AlgorithmFile(path: path) }
      #expect(error?.description.contains(reason) ?? false, "\(path)")
    }
    try Self.file(String(repeating: " ", count: 2 << 20)) { path in
      let error = #expect(throws: CommunicationError.self) { try AlgorithmFile(path: path) }
      #expect(error?.description.contains("more than 1048576 bytes") ?? false)
    }
  }

  /// Files with some bytes changed are read or refused.
  @Test func damagedFilesDoNoHarm() throws {
    let text = try AlgorithmFile(.packaged, processor: "x", times: []).json()
    var random = FuzzBytes(seed: 7)
    for _ in 0..<500 {
      var bytes = Array(text.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      try Self.file(String(decoding: bytes, as: UTF8.self)) { path in
        do { _ = try AlgorithmFile(path: path) } catch {
          #expect(error is CommunicationError, "\(error)")
        }
      }
    }
  }

  /// What rank 0 gives to the others is what it has; other bytes are a table that makes sense, or none.
  @Test func tablesTravel() throws {
    let table = AlgorithmTable.packaged
    let bytes = try table.bytes(place: "here")
    #expect(AlgorithmTable(bytes: bytes) == table)
    #expect(AlgorithmTable(bytes: Array(bytes.dropLast())) == nil)
    var random = FuzzBytes(seed: 11)
    for _ in 0..<2000 {
      var changed = bytes
      for _ in 0..<3 {
        changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      guard let other = AlgorithmTable(bytes: changed) else { continue }
      for row in other.rows {
        #expect(row.collective.algorithms.contains(row.algorithm) && row.layout.hostCount > 0)
      }
      _ = other.algorithm(for: .allReduce, byteCount: 1, hostCount: 2, rankCount: 4)
    }
    let row = AlgorithmTable.Row(.broadcast, on: Self.two, algorithm: .direct)
    let error = #expect(throws: CommunicationError.self) {
      try AlgorithmTable(rows: Array(repeating: row, count: 1000)).bytes(place: "here")
    }
    #expect(error?.description.contains("more than 157 rows") ?? false)
  }

  @Test func ranksWithDifferentTablesAreNamed() throws {
    let controls = LocalJobControl.job(hosts: [3])
    let texts = try LocalGroup.run(rankCount: 3) { thread in
      var options = MessageOptions()
      if thread.rank == 1 { options.algorithms = AlgorithmTable(.ring) }
      do {
        _ = try TCP.communicator(controls[thread.rank], options: options)
      } catch { return "\(error)" }
      return ""
    }
    #expect(texts.allSatisfy { $0.contains("another table of algorithms") }, "\(texts)")
  }
}
